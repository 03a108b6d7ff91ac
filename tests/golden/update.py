"""Writes the SQL of every statement into this folder: ``python -m tests.golden.update``."""

from tests.support.golden import FOLDER, golden_files


def update() -> None:
    wanted = golden_files()
    for path in FOLDER.glob("*.sql"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    update()

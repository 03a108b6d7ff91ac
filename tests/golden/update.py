"""Writes into this folder the SQL of every statement, and what each call costs: ``python -m tests.golden.update``."""

import asyncio

from tests.support import client_costs, server_costs
from tests.support.databases import create_database
from tests.support.golden import FOLDER, golden_files


def update() -> None:
    wanted = golden_files()
    for path in FOLDER.glob("*.sql"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)


async def update_costs(server_url: str) -> None:
    url = await create_database(server_url)
    await server_costs.fill(url)
    server_costs.FILE.write_text(await server_costs.text_of_file(url))
    client_costs.FILE.write_text(await client_costs.text_of_file(url))


if __name__ == "__main__":
    update()
    with server_costs.quiet_server() as server:
        asyncio.run(update_costs(server.url()))

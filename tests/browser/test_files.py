"""Files that are sent along: seen before they go, refused in words, opened later, and deleted for good."""

import pytest
from playwright.sync_api import expect

from tests.browser.files import PICTURE, TEXT, chip, rows_of


@pytest.fixture
def choose(alice):
    """``choose(file, ...)``: what the user picks in the browser's own dialog."""
    return lambda *files: alice.page.locator("#file").set_input_files(list(files))


def test_a_picture_is_seen_before_it_goes_and_in_the_conversation(alice, choose):
    choose(PICTURE, TEXT)
    expect(chip(alice, "quokka.png")).to_have_class("ready")
    expect(chip(alice, "notes.txt")).to_have_class("ready")
    assert width_of(chip(alice, "quokka.png").locator("img")) == 8
    alice.say("Look at these")
    expect(alice.page.locator("#files > li")).to_have_count(0)
    expect(alice.newest("assistant_message")).to_contain_text("“notes.txt” is of type text/plain and has 9 bytes.")
    assert width_of(alice.newest("user_message").locator("img")) == 8
    alice.reload()
    expect(alice.newest("user_message").get_by_role("button", name="Open notes.txt")).to_be_visible()
    expect(alice.newest("user_message").locator("img")).to_be_visible()
    assert width_of(alice.newest("user_message").locator("img")) == 8


def test_a_file_can_be_sent_without_a_word(alice, choose):
    choose(TEXT)
    expect(chip(alice, "notes.txt")).to_have_class("ready")
    alice.button("Send").click()
    expect(alice.newest("assistant_message")).to_contain_text("9 bytes")
    alice.wait_for_reply()


def test_a_file_is_opened(alice, choose):
    choose(TEXT)
    expect(chip(alice, "notes.txt")).to_have_class("ready")
    alice.say("Keep this")
    with alice.page.expect_download() as download:
        alice.button("Open notes.txt").click()
    assert download.value.suggested_filename == "notes.txt"
    assert download.value.path().read_bytes() == b"Two words"


@pytest.mark.parametrize("name", ["game.exe", "large.txt", "empty.txt"])
def test_what_cannot_be_sent_is_refused_in_words_before_it_goes(alice, choose, tmp_path, name):
    refused = {"game.exe": (b"MZ", "cannot be sent"), "large.txt": (b"", "at most"), "empty.txt": (b"", "is empty")}
    content, words = refused[name]
    (tmp_path / name).write_bytes(content)
    if name == "large.txt":
        with (tmp_path / name).open("r+b") as file:
            file.truncate(1 << 30)
    requests = []
    alice.page.on("request", lambda request: requests.append(request.url))
    choose(tmp_path / name)
    expect(chip(alice, name)).to_have_class("failed")
    expect(chip(alice, name)).to_contain_text(words)
    assert requests == []
    alice.button(f"Remove {name}").click()
    alice.say("Without it")
    expect(alice.newest("user_message").get_by_role("button", name="Open")).to_have_count(0)


def test_what_the_server_refuses_is_refused_in_words_and_leaves_nothing(alice, choose, postgres):
    alice.expected.append("the server responded with a status of 4")
    choose({"name": "liar.png", "mimeType": "image/png", "buffer": b"not a picture at all"})
    expect(chip(alice, "liar.png")).to_have_class("failed")
    expect(chip(alice, "liar.png")).to_contain_text("image/png")
    assert "chatkit_attachments" not in rows_of(postgres, alice.name)


def test_a_file_that_is_removed_before_it_goes_is_deleted(alice, choose, postgres):
    choose(TEXT)
    expect(chip(alice, "notes.txt")).to_have_class("ready")
    assert "chatkit_attachments" in rows_of(postgres, alice.name)
    with alice.page.expect_response("**/chatkit"):
        alice.button("Remove notes.txt").click()
    assert "chatkit_attachments" not in rows_of(postgres, alice.name)
    expect(alice.composer).to_be_focused()


def width_of(image):
    expect(image).to_be_visible()
    return image.evaluate("image => image.decode().then(() => image.naturalWidth)")

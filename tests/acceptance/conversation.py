"""A conversation that uses every request type of the SDK once at least."""

import base64
from typing import Any

from tests.acceptance.support import Browser, Demo, done, message

SECRETS = {
    "message": "Quokka",
    "later message": "Narwhal",
    "title": "Ptarmigan",
    "tool output": "12:34:56 in Axolotl",
    "form answer": "Because of the Wombat",
    "attachment name": "Pangolin.pdf",
    "recording": "Ocelot",
    "reply": "sentence 1 of sixty",
}
"""What must be stored, or returned, and never logged."""


class Conversation:
    """What one visitor did, and the ids that came of it."""

    def __init__(self, demo: Demo, browser: Browser) -> None:
        self._demo = demo
        self._browser = browser

    def hold(self) -> None:
        """Go through all of it."""
        self.manage_attachments()
        self.open_thread()
        self.use_client_tool()
        self.answer_form()
        self.use_widget()
        self.watch_workflow()
        self.rename_and_rate()
        self.retry()
        self.stop_reply()
        self.open_and_delete_other_threads()
        self._browser.ask("input.transcribe", audio_base64=_base64(SECRETS["recording"]), mime_type="audio/webm")

    def manage_attachments(self) -> None:
        create = {"name": SECRETS["attachment name"], "size": 12345, "mime_type": "application/pdf"}
        self.attachment_id = self._browser.ask("attachments.create", **create)["id"]
        superfluous = self._browser.ask("attachments.create", **create)["id"]
        assert self._browser.ask("attachments.delete", attachment_id=superfluous) == {}

    def open_thread(self) -> None:
        hello = message(f"{SECRETS['message']} \u0000 \U0001f4be", self.attachment_id)
        events = self._browser.send("threads.create", input=hello)
        assert events[0]["type"] == "thread.created"
        self.thread_id = events[0]["thread"]["id"]
        sent = done(events, "user_message")
        assert sent["attachments"][0]["name"] == SECRETS["attachment name"]
        assert sent["content"] == hello["content"]
        self.reply_id = done(events, "assistant_message")["id"]

    def say(self, text: str) -> list[dict[str, Any]]:
        return self._browser.send("threads.add_user_message", thread_id=self.thread_id, input=message(text))

    def use_client_tool(self) -> None:
        assert done(self.say("tool"), "client_tool_call")["status"] == "pending"
        result = {"local_time": SECRETS["tool output"]}
        events = self._browser.send("threads.add_client_tool_output", thread_id=self.thread_id, result=result)
        assert SECRETS["tool output"] in done(events, "assistant_message")["content"][0]["text"]

    def answer_form(self) -> None:
        form = done(self.say("ask"), "structured_input")
        answers = {"colour": {"values": ["Green"]}, "reason": {"values": [SECRETS["form answer"]]}}
        submission = {"status": "answered", "answers": answers}
        events = self._browser.send(
            "threads.add_structured_input", thread_id=self.thread_id, item_id=form["id"], input=submission
        )
        assert _replaced(events)["inputs"][1]["answer"]["values"] == [SECRETS["form answer"]]

    def use_widget(self) -> None:
        self.widget_id = done(self.say("widget"), "widget")["id"]
        target = {"thread_id": self.thread_id, "item_id": self.widget_id}
        add = {"type": "counter.add", "payload": {"count": 1}}
        updated = self._browser.ask("threads.sync_custom_action", **target, action=add)["updated_item"]
        assert updated["widget"]["children"][1]["value"] == "Count: 1"
        assert self._browser.ask("items.list", thread_id=self.thread_id, limit=1)["data"] == [updated]
        finish = {"type": "counter.finish", "payload": {"count": 1}}
        events = self._browser.send("threads.custom_action", **target, action=finish)
        assert _replaced(events)["widget"]["children"][1]["value"] == "Final count: 1"

    def watch_workflow(self) -> None:
        workflow = done(self.say("workflow"), "workflow")["workflow"]
        assert [task["status_indicator"] for task in workflow["tasks"]] == ["complete"] * 3

    def rename_and_rate(self) -> None:
        renamed = self._browser.ask("threads.update", thread_id=self.thread_id, title=SECRETS["title"])
        assert renamed["title"] == SECRETS["title"]
        rated = {"thread_id": self.thread_id, "item_ids": [self.reply_id], "kind": "positive"}
        assert self._browser.ask("items.feedback", **rated) == {}

    def retry(self) -> None:
        events = self.say(SECRETS["later message"])
        question, self.discarded = done(events, "user_message"), done(events, "assistant_message")
        retried = {"thread_id": self.thread_id, "item_id": question["id"]}
        again = done(self._browser.send("threads.retry_after_item", **retried), "assistant_message")
        assert again["id"] != self.discarded["id"]

    def stop_reply(self) -> None:
        before_stop = len(self._demo.lines)
        reply = self._browser.stream("threads.add_user_message", thread_id=self.thread_id, input=message("long"))
        self.heard = ""
        while SECRETS["reply"] not in self.heard:
            event = next(reply)
            self.heard += event.get("update", {}).get("delta", "")
        reply.close()
        # The message itself, what was said of the reply, and the marker of the stop.
        self._demo.wait_for(r"chatkit_pgstore: add_thread_item", after=before_stop, times=3)

    def open_and_delete_other_threads(self) -> None:
        opened = [self._browser.send("threads.create", input=message(f"title {number}")) for number in range(4)]
        ids = [events[0]["thread"]["id"] for events in opened]
        assert self._browser.ask("threads.delete", thread_id=ids[1]) == {}
        self.deleted_thread_id = ids[1]


def _replaced(events: list[dict[str, Any]]) -> dict[str, Any]:
    return next(event["item"] for event in events if event["type"] == "thread.item.replaced")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

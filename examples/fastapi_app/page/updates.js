// Changes an item as an update of its stream says; false when the page does not know the update.

export function applyUpdate(item, update) {
  const apply = updates[update.type];
  apply?.(item, update);
  return Boolean(apply);
}

const updates = {
  "assistant_message.content_part.added": setPart,
  "assistant_message.content_part.done": setPart,
  "assistant_message.content_part.text_delta": (item, update) => {
    part(item, update).text += update.delta;
  },
  "assistant_message.content_part.annotation_added": (item, update) => {
    part(item, update).annotations.splice(update.annotation_index, 0, update.annotation);
  },
  "workflow.task.added": setTask,
  "workflow.task.updated": setTask,
  "widget.root.updated": (item, update) => {
    item.widget = update.widget;
  },
  "widget.component.updated": (item, update) => {
    const node = find(item.widget, update.component_id);
    if (!node) return;
    for (const key of Object.keys(node)) delete node[key];
    Object.assign(node, update.component);
  },
  "widget.streaming_text.value_delta": (item, update) => {
    const node = find(item.widget, update.component_id);
    if (node) node.value += update.delta;
  },
  "generated_image.updated": (item, update) => {
    item.image = update.image;
    item.progress = update.progress;
  },
};

function setPart(item, update) {
  part(item, update);
  item.content[update.content_index] = { annotations: [], ...update.content };
}

// A part may be spoken of before it is announced.
function part(item, { content_index: index }) {
  while (item.content.length <= index) item.content.push({ type: "output_text", text: "", annotations: [] });
  return item.content[index];
}

function setTask(item, update) {
  item.workflow.tasks[update.task_index] = update.task;
}

function find(node, id) {
  if (node.id === id) return node;
  for (const child of [node.children ?? []].flat()) {
    const found = find(child, id);
    if (found) return found;
  }
  return null;
}

// A row of numbers; one that leads to a list is a link.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const line = (kind, text) => Object.assign(document.createElement("span"), { className: kind, textContent: text });
  parentElement.querySelector(".tiles").replaceChildren(...data.tiles.map((tile) => {
    const node = document.createElement(tile.href ? "a" : "div");
    node.className = `tile ${tile.tone || ""}`;
    node.append(line("label", tile.label), line("value", tile.value), line("note", tile.note));
    if (tile.href) {
      node.href = tile.href;
      node.onclick = (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
        event.preventDefault();
        setTriggerValue("go", tile.href);
      };
    }
    return node;
  }));
  return () => {};
}

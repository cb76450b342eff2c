// Connects, prints every event as one JSON line, and ends when its standard input is closed.
// usage: node listen.mjs URL TOKEN [LAST_CHANGE_ID] [websocket|polling]
import { io } from "socket.io-client";

const [url, token, lastChangeId, transport] = process.argv.slice(2);
const auth = { token };
if (lastChangeId) auth.lastChangeId = Number(lastChangeId);

const say = (event, body) => console.log(JSON.stringify({ event, body }));
const socket = io(url, {
  auth,
  reconnection: false,
  ...(transport ? { transports: [transport] } : {}),
});

socket.on("connect", () => say("connect", null));
socket.on("connect_error", (error) => say("connect_error", { message: error.message, data: error.data ?? null }));
socket.on("disconnect", (reason) => say("disconnect", { reason }));
socket.onAny((event, body) => say(event, body));

let asked = "";
process.stdin.on("data", (chunk) => {
  asked += chunk;
  const lines = asked.split("\n");
  asked = lines.pop();
  for (const line of lines.filter(Boolean)) socket.emit(...JSON.parse(line));
});
process.stdin.on("end", () => {
  socket.close();
  process.exit(0);
});

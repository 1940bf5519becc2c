// A plain Socket.IO server that keeps messages: node server.js PORT DATABASE. It prints "ready" once it listens.
// What it does for a message is the least there is: store it for good, tell the room, acknowledge.
import { createServer } from "node:http";
import Database from "better-sqlite3";
import { Server } from "socket.io";

const [port, file] = process.argv.slice(2);
const database = new Database(file);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(`CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, room_id INTEGER NOT NULL, body TEXT NOT NULL, client_id TEXT NOT NULL UNIQUE,
  created_at TEXT NOT NULL)`);
const insert = database.prepare(
  "INSERT INTO messages (room_id, body, client_id, created_at) VALUES (?, ?, ?, ?)",
);

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false });
// About as many bytes as HomeChat sends for such a message.
const html = "x".repeat(900);

io.on("connection", (socket) => {
  socket.join(`room:${socket.handshake.query.room}`);
  socket.on("message:send", ({ room_id, body, client_id }, ack) => {
    const created_at = new Date().toISOString();
    const { lastInsertRowid } = insert.run(room_id, body, client_id, created_at);
    const message = { id: Number(lastInsertRowid), room_id, body, client_id, created_at, html };
    io.to(`room:${room_id}`).emit("message:posted", message);
    ack({ ok: true, message });
  });
});

http.listen(Number(port), "localhost", () => console.log("ready"));

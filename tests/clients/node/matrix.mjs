// Every feature of every client with every kind of model: `node matrix.mjs BASE_URL KEY`.
// Prints a line of JSON for each cell, whose outcome is "pass", a refusal as "STATUS CODE", or "failed: WHY".
import { readFile } from "node:fs/promises";
import * as anthropic from "./anthropic.mjs";
import * as google from "./google.mjs";
import * as openai_chat from "./openai_chat.mjs";
import * as openai_responses from "./openai_responses.mjs";

const CLIENTS = { openai_chat, openai_responses, anthropic, google };
const AT_ONCE = 8;
const CELL_MS = 20_000;

const [base, key] = process.argv.slice(2);
// A kind whose vendor has no embeddings asks for another vendor's.
const { models } = JSON.parse(await readFile(new URL("table.json", import.meta.url)));

function* cells() {
  for (const [name, client] of Object.entries(CLIENTS)) {
    const opened = client.open(base, key);
    for (const [feature, play] of Object.entries(client.features)) {
      for (const [kind, { chat, embedding }] of Object.entries(models)) {
        yield { name: `${name}/${feature}/${kind}`, client, play: () => play(opened, chat, { base, embedding }) };
      }
    }
  }
}

function late() {
  return new Promise((_, reject) => setTimeout(reject, CELL_MS, new Error("no end in sight")).unref());
}

async function outcome({ client, play }) {
  try {
    await Promise.race([play(), late()]);
    return "pass";
  } catch (error) {
    return error.status ? `${error.status} ${client.codeOf(error)}` : `failed: ${error.stack}`;
  }
}

const waiting = cells();
async function work() {
  for (const cell of waiting) {
    console.log(JSON.stringify({ cell: cell.name, outcome: await outcome(cell) }));
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, work));

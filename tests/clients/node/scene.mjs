// What every client is made to say and ask. The words steer the sandbox, see docs/en/sandbox.md.
import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";

export const TOOL_PROMPT = "call get_weather for Oslo";
export const TWO_TOOLS_PROMPT = "call get_weather and get_time for Oslo";
export const TOOL_RESULT = "4 degrees";
export const SYSTEM = "You are a patient librarian who answers in one short sentence and never guesses.";
export const CITY = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const TOOLS = [
  { name: "get_weather", description: "The weather of a city." },
  { name: "get_time", description: "The time in a city." },
];
export const MEAL = {
  type: "object",
  properties: { name: { type: "string" }, calories: { type: "integer" }, vegan: { type: "boolean" } },
  required: ["name", "calories", "vegan"],
  additionalProperties: false,
};
export const PICTURE_SAID = "Picture 1 is 64x48 pixels, mostly red.";
export const EARLY = { "x-pronghorn-simulate": "cut-after=3" };
export const LATE = { "x-pronghorn-simulate": "cut-after=12" };
export const DROPPED = "x-pronghorn-dropped";
export const MAX_TOKENS = 24;
export const WRONG_KEY = `sk-test${"0".repeat(44)}`;

export const words = (count) => Array.from({ length: count }, (_, index) => `word${index + 1}`).join(" ");

export function checkMeal(meal) {
  assert.deepEqual(Object.keys(meal).sort(), ["calories", "name", "vegan"]);
  assert.equal(typeof meal.name, "string");
  assert.ok(Number.isInteger(meal.calories));
  assert.equal(typeof meal.vegan, "boolean");
}

// `calls`: pairs of a tool's name and its arguments.
export function checkCalls(calls, ...names) {
  assert.deepEqual(calls.map(([name]) => name).sort(), [...names].sort());
  for (const [, given] of calls) {
    assert.deepEqual(Object.keys(given), ["city"]);
    assert.equal(typeof given.city, "string");
  }
}

export function checkResultSaid(text) {
  assert.ok(text.includes(TOOL_RESULT), `the answer ${JSON.stringify(text)} does not tell what the tool said`);
}

// The start of fifty words and no more.
export function checkShortened(text) {
  assert.ok(words(50).startsWith(text.trimEnd()) && text.length < words(50).length, `said ${JSON.stringify(text)}`);
}

export function checkThought(text) {
  assert.ok(text.length > 10, `no thinking is shown: ${JSON.stringify(text)}`);
}

export function checkUsage(...counts) {
  for (const count of counts) assert.ok(Number.isInteger(count) && count > 0, `usage ${JSON.stringify(counts)}`);
}

// Reads a stream that must break with the package's own error; gives what came before, which must not look complete.
async function readCut(open, isEnd, theirError) {
  const seen = [];
  await assert.rejects(async () => {
    for await (const event of await open()) seen.push(event);
  }, theirError);
  assert.ok(!seen.some(isEnd), "the cut stream looks complete");
  return seen;
}

// A cut after the third event may come before there is anything to show, one after the twelfth may not.
export async function checkCuts(open, isEnd, theirError) {
  await readCut(() => open(EARLY), isEnd, theirError);
  const seen = await readCut(() => open(LATE), isEnd, theirError);
  assert.ok(seen.length > 0, "nothing came before the cut");
}

// `ask` gives the header that names what was left out. A strict caller is refused exactly when a plain one loses
// something, and both are told its path; the refusal is thrown on.
export async function checkStrict(ask, path) {
  const dropped = await ask({});
  assert.ok([null, path].includes(dropped), `left out ${dropped}`);
  try {
    await ask({ "x-pronghorn-strict": "1" });
  } catch (error) {
    assert.equal(dropped, path);
    assert.ok(error.message.includes(path), error.message);
    throw error;
  }
  assert.equal(dropped, null);
}

export async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

// A red PNG of 64x48 pixels, base64.
export const PICTURE = (() => {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
    const ends = [Buffer.alloc(4), Buffer.alloc(4)];
    ends[0].writeUInt32BE(data.length);
    ends[1].writeUInt32BE(crc32(body));
    return Buffer.concat([ends[0], body, ends[1]]);
  };
  const head = Buffer.from([0, 0, 0, 64, 0, 0, 0, 48, 8, 2, 0, 0, 0]);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(64 * 3, Buffer.from([220, 30, 30]))]);
  const rows = deflateSync(Buffer.concat(Array(48).fill(row)));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const parts = [chunk("IHDR", head), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([signature, ...parts]).toString("base64");
})();

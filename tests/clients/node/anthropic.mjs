// Anthropic's package on /v1/messages and /v1/models.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";
import * as scene from "./scene.mjs";

export const open = (base, key) => new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });
export const codeOf = (error) => error.error?.error?.type;

const tools = scene.TOOLS.map((tool) => ({ ...tool, input_schema: scene.CITY }));
const thinking = { type: "adaptive", display: "summarized" };
const ask = (content, more = {}) => ({ max_tokens: 2000, messages: [{ role: "user", content }], ...more });
const of = (message, type) => message.content.filter((block) => block.type === type);
const textOf = (message) => of(message, "text").map((block) => block.text).join("");
const thoughtsOf = (message) => of(message, "thinking").map((block) => block.thinking).join("");

const whole = (client) => (request) => client.messages.create(request);
const inParts = (client) => (request) => client.messages.stream(request).finalMessage();

// Two turns; the second has the first answer's blocks as the package gave them.
async function toolLoop(model, request, take, ...names) {
  const first = await take({ model, tools, ...request });
  assert.equal(first.stop_reason, "tool_use");
  const calls = of(first, "tool_use");
  scene.checkCalls(calls.map((call) => [call.name, call.input]), ...names);
  const results = calls.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: scene.TOOL_RESULT }));
  const messages = [
    ...request.messages,
    { role: "assistant", content: first.content },
    { role: "user", content: results },
  ];
  const second = await take({ model, tools, ...request, messages });
  assert.equal(second.stop_reason, "end_turn");
  scene.checkResultSaid(textOf(second));
  return first;
}

export const features = {
  async text(client, model) {
    const message = await client.messages.create({ model, ...ask("repeat: four 你好") });
    assert.equal(textOf(message), "four 你好");
    assert.equal(message.stop_reason, "end_turn");
  },

  async system(client, model) {
    const plain = await client.messages.create({ model, ...ask("repeat: yes") });
    const led = await client.messages.create({ model, system: scene.SYSTEM, ...ask("repeat: yes") });
    assert.equal(textOf(led), "yes");
    assert.ok(led.usage.input_tokens > plain.usage.input_tokens + 10, "the system prompt did not arrive");
  },

  async streamed_text(client, model) {
    const events = await scene.collect(await client.messages.create({ model, stream: true, ...ask("say 9 words") }));
    const deltas = events.filter((event) => event.delta?.type === "text_delta");
    assert.equal(deltas.map((event) => event.delta.text).join(""), scene.words(9));
    assert.ok(deltas.length > 3, "it came in one piece");
    assert.equal(events[0].type, "message_start");
    assert.deepEqual(events.slice(-2).map((event) => event.type), ["message_delta", "message_stop"]);
  },

  async tool_loop(client, model) {
    await toolLoop(model, ask(scene.TOOL_PROMPT), whole(client), "get_weather");
  },

  async streamed_tool_loop(client, model) {
    await toolLoop(model, ask(scene.TOOL_PROMPT), inParts(client), "get_weather");
  },

  async parallel_tools(client, model) {
    await toolLoop(model, ask(scene.TWO_TOOLS_PROMPT), whole(client), "get_weather", "get_time");
  },

  async streamed_parallel_tools(client, model) {
    await toolLoop(model, ask(scene.TWO_TOOLS_PROMPT), inParts(client), "get_weather", "get_time");
  },

  async structured_output(client, model) {
    const format = jsonSchemaOutputFormat(scene.MEAL);
    const message = await client.messages.parse({ model, ...ask("a meal", { output_config: { format } }) });
    scene.checkMeal(message.parsed_output);
  },

  async vision(client, model) {
    const source = { type: "base64", media_type: "image/png", data: scene.PICTURE };
    const content = [
      { type: "image", source },
      { type: "text", text: "What is it?" },
    ];
    assert.equal(textOf(await client.messages.create({ model, ...ask(content) })), scene.PICTURE_SAID);
  },

  async thinking(client, model) {
    const message = await client.messages.create({ model, ...ask("repeat: so", { thinking }) });
    assert.equal(textOf(message), "so");
    scene.checkThought(thoughtsOf(message));
  },

  async streamed_thinking(client, model) {
    const message = await client.messages.stream({ model, ...ask("repeat: so", { thinking }) }).finalMessage();
    assert.equal(textOf(message), "so");
    scene.checkThought(thoughtsOf(message));
  },

  async thinking_tool_loop(client, model) {
    const first = await toolLoop(model, ask(scene.TOOL_PROMPT, { thinking }), whole(client), "get_weather");
    scene.checkThought(thoughtsOf(first));
  },

  async streamed_thinking_tool_loop(client, model) {
    const first = await toolLoop(model, ask(scene.TOOL_PROMPT, { thinking }), inParts(client), "get_weather");
    scene.checkThought(thoughtsOf(first));
  },

  async stop(client, model) {
    const request = ask("repeat: one two END three", { stop_sequences: ["END"] });
    const message = await client.messages.create({ model, ...request });
    assert.equal(textOf(message).trimEnd(), "one two");
  },

  async max_tokens(client, model) {
    const request = ask("say 50 words", { max_tokens: scene.MAX_TOKENS });
    const message = await client.messages.create({ model, ...request });
    scene.checkShortened(textOf(message));
    assert.equal(message.stop_reason, "max_tokens");
    assert.ok(message.usage.output_tokens <= scene.MAX_TOKENS);
  },

  async usage(client, model) {
    const { usage } = await client.messages.create({ model, ...ask("say 5 words") });
    scene.checkUsage(usage.input_tokens, usage.output_tokens);
    const final = await client.messages.stream({ model, ...ask("say 5 words") }).finalMessage();
    assert.equal(final.usage.input_tokens, usage.input_tokens);
    assert.equal(final.usage.output_tokens, usage.output_tokens);
  },

  async strict_cache_mark(client, model) {
    const system = [{ type: "text", text: scene.SYSTEM, cache_control: { type: "ephemeral" } }];
    await scene.checkStrict(async (headers) => {
      const asked = client.messages.create({ model, system, ...ask("Hi") }, { headers });
      return (await asked.withResponse()).response.headers.get(scene.DROPPED);
    }, "$.system[0].cache_control");
  },

  async unknown_model(client, model) {
    await assert.rejects(client.messages.create({ model: `${model}-nowhere`, ...ask("Hi") }), (error) => {
      assert.ok(error instanceof Anthropic.NotFoundError, error.constructor.name);
      assert.equal(codeOf(error), "not_found_error");
      assert.match(error.requestID, /^req_/);
      return true;
    });
  },

  async wrong_key(client, model, { base }) {
    await assert.rejects(open(base, scene.WRONG_KEY).messages.create({ model, ...ask("Hi") }), (error) => {
      assert.ok(error instanceof Anthropic.AuthenticationError, error.constructor.name);
      assert.equal(codeOf(error), "authentication_error");
      return true;
    });
  },

  async cut_stream(client, model) {
    const request = { model, ...ask("say 30 words") };
    await scene.checkCuts(
      (headers) => client.messages.create({ ...request, stream: true }, { headers }),
      (event) => event.type === "message_stop" || Boolean(event.delta?.stop_reason),
      Anthropic.APIError,
    );
    const helper = client.messages.stream(request, { headers: scene.LATE });
    await assert.rejects(helper.finalMessage(), Anthropic.AnthropicError);
  },

  async models(client, model) {
    const names = (await scene.collect(client.models.list({ limit: 1000 }))).map((one) => one.id);
    assert.ok(names.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
  },

  async count_tokens(client, model) {
    const { messages } = ask("one two three");
    const few = await client.messages.countTokens({ model, messages });
    const more = await client.messages.countTokens({ model, messages, system: scene.SYSTEM, tools });
    scene.checkUsage(few.input_tokens, more.input_tokens - few.input_tokens);
  },
};

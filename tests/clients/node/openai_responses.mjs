// OpenAI's package on /v1/responses.
import assert from "node:assert/strict";
import OpenAI from "openai";
import * as scene from "./scene.mjs";

export { codeOf, open } from "./openai_chat.mjs";

const tools = scene.TOOLS.map((tool) => ({ type: "function", ...tool, parameters: scene.CITY, strict: true }));
const reasoning = { effort: "low", summary: "auto" };
const include = ["reasoning.encrypted_content"];
const ask = (content) => [{ role: "user", content }];
const callsOf = (answer) =>
  answer.output
    .filter((item) => item.type === "function_call")
    .map((call) => [call.name, JSON.parse(call.arguments)]);
const thoughtsOf = (answer) =>
  answer.output
    .filter((item) => item.type === "reasoning")
    .flatMap((item) => item.summary.map((part) => part.text))
    .join("");

const whole = (client) => (request) => client.responses.create(request);
const inParts = (client) => (request) => client.responses.stream(request).finalResponse();

// Two turns; the second has the first answer's items as the package gave them.
async function toolLoop(model, prompt, more, take, ...names) {
  const first = await take({ model, tools, store: false, input: ask(prompt), ...more });
  scene.checkCalls(callsOf(first), ...names);
  const results = first.output
    .filter((item) => item.type === "function_call")
    .map((call) => ({ type: "function_call_output", call_id: call.call_id, output: scene.TOOL_RESULT }));
  const input = [...ask(prompt), ...first.output, ...results];
  const second = await take({ model, tools, store: false, input, ...more });
  assert.equal(second.status, "completed");
  scene.checkResultSaid(second.output_text);
  return first;
}

export const features = {
  async text(client, model) {
    const answer = await client.responses.create({ model, input: "repeat: four 你好" });
    assert.equal(answer.output_text, "four 你好");
    assert.equal(answer.status, "completed");
  },

  async system(client, model) {
    const plain = await client.responses.create({ model, input: "repeat: yes" });
    const led = await client.responses.create({ model, instructions: scene.SYSTEM, input: "repeat: yes" });
    assert.equal(led.output_text, "yes");
    assert.ok(led.usage.input_tokens > plain.usage.input_tokens + 10, "the system prompt did not arrive");
  },

  async streamed_text(client, model) {
    const events = await scene.collect(await client.responses.create({ model, input: "say 9 words", stream: true }));
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    assert.equal(deltas.map((event) => event.delta).join(""), scene.words(9));
    assert.ok(deltas.length > 3, "it came in one piece");
    assert.equal(events.at(-1).type, "response.completed");
    const numbers = events.map((event) => event.sequence_number);
    assert.deepEqual(numbers, [...numbers.keys()]);
  },

  async tool_loop(client, model) {
    await toolLoop(model, scene.TOOL_PROMPT, {}, whole(client), "get_weather");
  },

  async streamed_tool_loop(client, model) {
    await toolLoop(model, scene.TOOL_PROMPT, {}, inParts(client), "get_weather");
  },

  async parallel_tools(client, model) {
    await toolLoop(model, scene.TWO_TOOLS_PROMPT, {}, whole(client), "get_weather", "get_time");
  },

  async streamed_parallel_tools(client, model) {
    await toolLoop(model, scene.TWO_TOOLS_PROMPT, {}, inParts(client), "get_weather", "get_time");
  },

  async structured_output(client, model) {
    const format = { type: "json_schema", name: "meal", strict: true, schema: scene.MEAL };
    const answer = await client.responses.parse({ model, input: "a meal", text: { format } });
    scene.checkMeal(JSON.parse(answer.output_text));
  },

  async vision(client, model) {
    const content = [
      { type: "input_text", text: "What is it?" },
      { type: "input_image", image_url: `data:image/png;base64,${scene.PICTURE}`, detail: "auto" },
    ];
    const answer = await client.responses.create({ model, input: ask(content) });
    assert.equal(answer.output_text, scene.PICTURE_SAID);
  },

  async thinking(client, model) {
    const answer = await client.responses.create({ model, input: "repeat: so", reasoning });
    assert.equal(answer.output_text, "so");
    scene.checkThought(thoughtsOf(answer));
  },

  async streamed_thinking(client, model) {
    const events = await scene.collect(client.responses.stream({ model, input: "repeat: so", reasoning }));
    const told = events.filter((event) => event.type === "response.reasoning_summary_text.delta");
    scene.checkThought(told.map((event) => event.delta).join(""));
    assert.equal(events.at(-1).type, "response.completed");
  },

  async thinking_tool_loop(client, model) {
    const first = await toolLoop(model, scene.TOOL_PROMPT, { reasoning, include }, whole(client), "get_weather");
    scene.checkThought(thoughtsOf(first));
  },

  async streamed_thinking_tool_loop(client, model) {
    const first = await toolLoop(model, scene.TOOL_PROMPT, { reasoning, include }, inParts(client), "get_weather");
    scene.checkThought(thoughtsOf(first));
  },

  async max_tokens(client, model) {
    const answer = await client.responses.create({ model, input: "say 50 words", max_output_tokens: scene.MAX_TOKENS });
    scene.checkShortened(answer.output_text);
    assert.equal(answer.status, "incomplete");
    assert.equal(answer.incomplete_details.reason, "max_output_tokens");
  },

  async usage(client, model) {
    const { usage } = await client.responses.create({ model, input: "say 5 words" });
    scene.checkUsage(usage.input_tokens, usage.output_tokens);
    assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
    const final = await client.responses.stream({ model, input: "say 5 words" }).finalResponse();
    assert.equal(final.usage.input_tokens, usage.input_tokens);
    assert.equal(final.usage.output_tokens, usage.output_tokens);
  },

  async strict_cache_key(client, model) {
    await scene.checkStrict(async (headers) => {
      const asked = client.responses.create({ model, input: "Hi", prompt_cache_key: "k" }, { headers });
      return (await asked.withResponse()).response.headers.get(scene.DROPPED);
    }, "$.prompt_cache_key");
  },

  async unknown_model(client, model) {
    await assert.rejects(client.responses.create({ model: `${model}-nowhere`, input: "Hi" }), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError, error.constructor.name);
      assert.equal(error.code, "model_not_found");
      return true;
    });
  },

  async wrong_key(client, model) {
    const stranger = client.withOptions({ apiKey: scene.WRONG_KEY });
    await assert.rejects(stranger.responses.create({ model, input: "Hi" }), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError, error.constructor.name);
      assert.equal(error.code, "invalid_api_key");
      return true;
    });
  },

  async cut_stream(client, model) {
    const request = { model, input: "say 30 words" };
    await scene.checkCuts(
      (headers) => client.responses.create({ ...request, stream: true }, { headers }),
      (event) => ["response.completed", "response.incomplete"].includes(event.type),
      OpenAI.APIError,
    );
    const helper = client.responses.stream(request, { headers: scene.LATE });
    await assert.rejects(helper.finalResponse(), OpenAI.OpenAIError);
  },

  async count_tokens(client, model) {
    const { input_tokens } = await client.responses.inputTokens.count({ model, input: "one two three" });
    scene.checkUsage(input_tokens);
  },
};

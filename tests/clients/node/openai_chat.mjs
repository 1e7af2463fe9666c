// OpenAI's package on /v1/chat/completions, /v1/embeddings and /v1/models.
import assert from "node:assert/strict";
import OpenAI from "openai";
import * as scene from "./scene.mjs";

export const open = (base, key) => new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
export const codeOf = (error) => error.code ?? error.type;

const ask = (content, more = {}) => ({ messages: [{ role: "user", content }], ...more });
const tools = scene.TOOLS.map((tool) => ({ type: "function", function: { ...tool, parameters: scene.CITY } }));
const callsOf = (message) =>
  (message.tool_calls ?? []).map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

async function message(client, model, request) {
  const answer = await client.chat.completions.create({ model, ...request });
  return { ...answer.choices[0].message, finish: answer.choices[0].finish_reason, usage: answer.usage };
}

async function streamed(client, model, request) {
  const final = await client.chat.completions.stream({ model, ...request }).finalChatCompletion();
  return { ...final.choices[0].message, finish: final.choices[0].finish_reason };
}

// Two turns; the second has the first answer as the package gave it.
async function toolLoop(client, model, request, take, ...names) {
  const first = await take({ model, tools, ...request });
  const choice = first.choices[0];
  assert.equal(choice.finish_reason, "tool_calls");
  scene.checkCalls(callsOf(choice.message), ...names);
  const results = choice.message.tool_calls.map((call) => ({
    role: "tool",
    tool_call_id: call.id,
    content: scene.TOOL_RESULT,
  }));
  const messages = [...request.messages, choice.message, ...results];
  const second = await take({ model, tools, ...request, messages });
  assert.equal(second.choices[0].finish_reason, "stop");
  scene.checkResultSaid(second.choices[0].message.content);
  return first;
}

const whole = (client) => (request) => client.chat.completions.create(request);
const inParts = (client) => (request) => client.chat.completions.stream(request).finalChatCompletion();

export const features = {
  async text(client, model) {
    const { content, finish } = await message(client, model, ask("repeat: four 你好"));
    assert.equal(content, "four 你好");
    assert.equal(finish, "stop");
  },

  async system(client, model) {
    const plain = await message(client, model, ask("repeat: yes"));
    const messages = [{ role: "system", content: scene.SYSTEM }, ...ask("repeat: yes").messages];
    const led = await message(client, model, { messages });
    assert.equal(led.content, "yes");
    assert.ok(led.usage.prompt_tokens > plain.usage.prompt_tokens + 10, "the system prompt did not arrive");
  },

  async streamed_text(client, model) {
    const stream = await client.chat.completions.create({ model, stream: true, ...ask("say 9 words") });
    const chunks = await scene.collect(stream);
    assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), scene.words(9));
    const ends = chunks.map((chunk) => chunk.choices[0].finish_reason).filter(Boolean);
    assert.deepEqual(ends, ["stop"]);
    assert.ok(chunks.length > 3, "it came in one piece");
  },

  async tool_loop(client, model) {
    await toolLoop(client, model, ask(scene.TOOL_PROMPT), whole(client), "get_weather");
  },

  async streamed_tool_loop(client, model) {
    await toolLoop(client, model, ask(scene.TOOL_PROMPT), inParts(client), "get_weather");
  },

  async parallel_tools(client, model) {
    const request = ask(scene.TWO_TOOLS_PROMPT);
    await toolLoop(client, model, request, whole(client), "get_weather", "get_time");
  },

  async streamed_parallel_tools(client, model) {
    const request = ask(scene.TWO_TOOLS_PROMPT);
    await toolLoop(client, model, request, inParts(client), "get_weather", "get_time");
  },

  async structured_output(client, model) {
    const response_format = { type: "json_schema", json_schema: { name: "meal", strict: true, schema: scene.MEAL } };
    const { content } = await message(client, model, ask("a meal", { response_format }));
    scene.checkMeal(JSON.parse(content));
  },

  async vision(client, model) {
    const url = `data:image/png;base64,${scene.PICTURE}`;
    const content = [
      { type: "text", text: "What is it?" },
      { type: "image_url", image_url: { url } },
    ];
    assert.equal((await message(client, model, ask(content))).content, scene.PICTURE_SAID);
  },

  async thinking(client, model) {
    const { content, reasoning_content } = await message(client, model, ask("repeat: so", { reasoning_effort: "low" }));
    assert.equal(content, "so");
    scene.checkThought(reasoning_content);
  },

  async streamed_thinking(client, model) {
    const request = ask("repeat: so", { reasoning_effort: "low" });
    const chunks = await scene.collect(await client.chat.completions.create({ model, stream: true, ...request }));
    assert.equal(chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join(""), "so");
    scene.checkThought(chunks.map((chunk) => chunk.choices[0].delta.reasoning_content ?? "").join(""));
  },

  async thinking_tool_loop(client, model) {
    const request = ask(scene.TOOL_PROMPT, { reasoning_effort: "low" });
    const first = await toolLoop(client, model, request, whole(client), "get_weather");
    scene.checkThought(first.choices[0].message.reasoning_content);
  },

  async streamed_thinking_tool_loop(client, model) {
    const request = ask(scene.TOOL_PROMPT, { reasoning_effort: "low" });
    await toolLoop(client, model, request, inParts(client), "get_weather");
  },

  async stop(client, model) {
    const { content, finish } = await message(client, model, ask("repeat: one two END three", { stop: ["END"] }));
    assert.equal(content.trimEnd(), "one two");
    assert.equal(finish, "stop");
  },

  async max_tokens(client, model) {
    const limit = { max_completion_tokens: scene.MAX_TOKENS };
    const { content, finish, usage } = await message(client, model, ask("say 50 words", limit));
    scene.checkShortened(content);
    assert.equal(finish, "length");
    assert.ok(usage.completion_tokens <= scene.MAX_TOKENS);
  },

  async usage(client, model) {
    const { usage } = await message(client, model, ask("say 5 words"));
    scene.checkUsage(usage.prompt_tokens, usage.completion_tokens);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    const request = ask("say 5 words", { stream: true, stream_options: { include_usage: true } });
    const chunks = await scene.collect(await client.chat.completions.create({ model, ...request }));
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.prompt_tokens, usage.prompt_tokens);
    assert.equal(chunks.at(-1).usage.completion_tokens, usage.completion_tokens);
  },

  async strict_seed(client, model) {
    await scene.checkStrict(async (headers) => {
      const asked = client.chat.completions.create({ model, ...ask("Hi", { seed: 7 }) }, { headers });
      return (await asked.withResponse()).response.headers.get(scene.DROPPED);
    }, "$.seed");
  },

  async unknown_model(client, model) {
    await assert.rejects(message(client, `${model}-nowhere`, ask("Hi")), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError, error.constructor.name);
      assert.equal(error.code, "model_not_found");
      assert.match(error.requestID, /^req_/);
      return true;
    });
  },

  async wrong_key(client, model, { base }) {
    await assert.rejects(message(open(base, scene.WRONG_KEY), model, ask("Hi")), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError, error.constructor.name);
      assert.equal(error.code, "invalid_api_key");
      return true;
    });
  },

  async cut_stream(client, model) {
    const request = { model, ...ask("say 30 words") };
    await scene.checkCuts(
      (headers) => client.chat.completions.create({ ...request, stream: true }, { headers }),
      (chunk) => Boolean(chunk.choices[0]?.finish_reason),
      OpenAI.APIError,
    );
    const helper = client.chat.completions.stream(request, { headers: scene.LATE });
    await assert.rejects(helper.finalChatCompletion(), OpenAI.OpenAIError);
  },

  async models(client, model) {
    const names = (await scene.collect(client.models.list())).map((one) => one.id);
    assert.ok(names.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
  },

  async embeddings(client, _, { embedding }) {
    const { data, usage } = await client.embeddings.create({ model: embedding, input: ["a cat", "a dog"] });
    assert.equal(data.length, 2);
    for (const { embedding: vector } of data) {
      assert.ok(Math.abs(vector.reduce((sum, value) => sum + value ** 2, 0) - 1) < 1e-3);
    }
    assert.notDeepEqual(data[0].embedding, data[1].embedding);
    scene.checkUsage(usage.total_tokens);
  },
};

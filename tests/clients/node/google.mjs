// Google's package on Gemini's routes.
import assert from "node:assert/strict";
import { ApiError, GoogleGenAI } from "@google/genai";
import * as scene from "./scene.mjs";

export const open = (base, key) => new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base } });
export const codeOf = (error) => /"status":\s*"(\w+)"/.exec(error.message)?.[1];

const functionDeclarations = scene.TOOLS.map((tool) => ({ ...tool, parametersJsonSchema: scene.CITY }));
const tools = [{ functionDeclarations }];
const thinkingConfig = { includeThoughts: true };
const user = (...parts) => ({ role: "user", parts });
const partsOf = (answer) => answer.candidates?.[0]?.content?.parts ?? [];
const thoughtsOf = (parts) => parts.filter((part) => part.thought).map((part) => part.text).join("");
const finishOf = (answer) => answer.candidates?.[0]?.finishReason;

// Both give the model's content and the reason why it ended.
const whole = (client) => async (request) => {
  const answer = await client.models.generateContent(request);
  return { content: answer.candidates[0].content, finish: finishOf(answer) };
};
const inParts = (client) => async (request) => {
  const chunks = await scene.collect(await client.models.generateContentStream(request));
  return { content: { role: "model", parts: chunks.flatMap(partsOf) }, finish: finishOf(chunks.at(-1)) };
};

// Two turns; the second has the first answer's parts as the package gave them.
async function toolLoop(model, prompt, config, take, ...names) {
  const first = await take({ model, contents: prompt, config: { tools, ...config } });
  assert.equal(first.finish, "STOP");
  const calls = first.content.parts.flatMap((part) => part.functionCall ?? []);
  scene.checkCalls(calls.map((call) => [call.name, call.args]), ...names);
  const results = calls.map(({ id, name }) => ({
    functionResponse: { id, name, response: { output: scene.TOOL_RESULT } },
  }));
  const contents = [user({ text: prompt }), first.content, user(...results)];
  const second = await take({ model, contents, config: { tools, ...config } });
  assert.equal(second.finish, "STOP");
  const said = second.content.parts.filter((part) => !part.thought);
  scene.checkResultSaid(said.map((part) => part.text ?? "").join(""));
  return first;
}

export const features = {
  async text(client, model) {
    const answer = await client.models.generateContent({ model, contents: "repeat: four 你好" });
    assert.equal(answer.text, "four 你好");
    assert.equal(finishOf(answer), "STOP");
  },

  async system(client, model) {
    const plain = await client.models.generateContent({ model, contents: "repeat: yes" });
    const config = { systemInstruction: scene.SYSTEM };
    const led = await client.models.generateContent({ model, contents: "repeat: yes", config });
    assert.equal(led.text, "yes");
    const grown = led.usageMetadata.promptTokenCount - plain.usageMetadata.promptTokenCount;
    assert.ok(grown > 10, "the system prompt did not arrive");
  },

  async streamed_text(client, model) {
    const stream = await client.models.generateContentStream({ model, contents: "say 9 words" });
    const chunks = await scene.collect(stream);
    assert.equal(chunks.map((chunk) => chunk.text ?? "").join(""), scene.words(9));
    assert.ok(chunks.length > 3, "it came in one piece");
    assert.deepEqual(chunks.map(finishOf).filter(Boolean), ["STOP"]);
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
    const config = { responseMimeType: "application/json", responseJsonSchema: scene.MEAL };
    const answer = await client.models.generateContent({ model, contents: "a meal", config });
    scene.checkMeal(JSON.parse(answer.text));
  },

  async vision(client, model) {
    const picture = { inlineData: { mimeType: "image/png", data: scene.PICTURE } };
    const contents = [user(picture, { text: "What is it?" })];
    assert.equal((await client.models.generateContent({ model, contents })).text, scene.PICTURE_SAID);
  },

  async thinking(client, model) {
    const answer = await client.models.generateContent({ model, contents: "repeat: so", config: { thinkingConfig } });
    assert.equal(answer.text, "so");
    scene.checkThought(thoughtsOf(partsOf(answer)));
  },

  async streamed_thinking(client, model) {
    const request = { model, contents: "repeat: so", config: { thinkingConfig } };
    const chunks = await scene.collect(await client.models.generateContentStream(request));
    assert.equal(chunks.map((chunk) => chunk.text ?? "").join(""), "so");
    scene.checkThought(thoughtsOf(chunks.flatMap(partsOf)));
  },

  async thinking_tool_loop(client, model) {
    const first = await toolLoop(model, scene.TOOL_PROMPT, { thinkingConfig }, whole(client), "get_weather");
    scene.checkThought(thoughtsOf(first.content.parts));
  },

  async streamed_thinking_tool_loop(client, model) {
    const first = await toolLoop(model, scene.TOOL_PROMPT, { thinkingConfig }, inParts(client), "get_weather");
    scene.checkThought(thoughtsOf(first.content.parts));
  },

  async stop(client, model) {
    const config = { stopSequences: ["END"] };
    const answer = await client.models.generateContent({ model, contents: "repeat: one two END three", config });
    assert.equal(answer.text.trimEnd(), "one two");
    assert.equal(finishOf(answer), "STOP");
  },

  async max_tokens(client, model) {
    const config = { maxOutputTokens: scene.MAX_TOKENS };
    const answer = await client.models.generateContent({ model, contents: "say 50 words", config });
    scene.checkShortened(answer.text);
    assert.equal(finishOf(answer), "MAX_TOKENS");
  },

  async usage(client, model) {
    const { usageMetadata } = await client.models.generateContent({ model, contents: "say 5 words" });
    scene.checkUsage(usageMetadata.promptTokenCount, usageMetadata.candidatesTokenCount, usageMetadata.totalTokenCount);
    const chunks = await scene.collect(await client.models.generateContentStream({ model, contents: "say 5 words" }));
    assert.equal(chunks.at(-1).usageMetadata.promptTokenCount, usageMetadata.promptTokenCount);
    assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, usageMetadata.candidatesTokenCount);
  },

  async strict_safety(client, model) {
    const safetySettings = [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_ONLY_HIGH" }];
    await scene.checkStrict(async (headers) => {
      const config = { safetySettings, httpOptions: { headers } };
      const answer = await client.models.generateContent({ model, contents: "Hi", config });
      return answer.sdkHttpResponse.headers[scene.DROPPED] ?? null;
    }, "$.safetySettings");
  },

  async unknown_model(client, model) {
    const request = { model: `${model}-nowhere`, contents: "Hi" };
    await assert.rejects(client.models.generateContent(request), (error) => {
      assert.ok(error instanceof ApiError, error.constructor.name);
      assert.equal(error.status, 404);
      assert.equal(codeOf(error), "NOT_FOUND");
      return true;
    });
  },

  async wrong_key(_, model, { base }) {
    const request = { model, contents: "Hi" };
    await assert.rejects(open(base, scene.WRONG_KEY).models.generateContent(request), (error) => {
      assert.ok(error instanceof ApiError, error.constructor.name);
      assert.equal(error.status, 401);
      assert.equal(codeOf(error), "UNAUTHENTICATED");
      return true;
    });
  },

  async cut_stream(client, model) {
    const request = { model, contents: "say 30 words" };
    await scene.checkCuts(
      (headers) => client.models.generateContentStream({ ...request, config: { httpOptions: { headers } } }),
      (chunk) => Boolean(finishOf(chunk)),
      ApiError,
    );
  },

  async models(client, model) {
    const names = (await scene.collect(await client.models.list())).map((one) => one.name);
    assert.ok(names.includes(`models/${model}`));
    assert.equal((await client.models.get({ model })).name, `models/${model}`);
  },

  async count_tokens(client, model) {
    const { totalTokens } = await client.models.countTokens({ model, contents: "one two three" });
    scene.checkUsage(totalTokens);
    const more = await client.models.countTokens({ model, contents: "one two three four five six seven" });
    assert.ok(more.totalTokens > totalTokens);
  },

  async embeddings(client, _, { embedding }) {
    const answer = await client.models.embedContent({ model: embedding, contents: ["a cat", "a dog"] });
    assert.equal(answer.embeddings.length, 2);
    for (const { values } of answer.embeddings) {
      assert.ok(Math.abs(values.reduce((sum, value) => sum + value ** 2, 0) - 1) < 1e-3);
    }
    assert.notDeepEqual(answer.embeddings[0].values, answer.embeddings[1].values);
  },
};

// The AI SDK's loop with one tool, for each provider and model: `node ai_sdk.mjs BASE_URL KEY`.
// Prints a line of JSON for each run: what the tool was given, how often the model was asked, and what it said.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";

const [base, apiKey] = process.argv.slice(2);
const openai = createOpenAI({ baseURL: `${base}/v1`, apiKey });
const PROVIDERS = {
  openai_chat: openai.chat,
  openai_responses: openai.responses,
  anthropic: createAnthropic({ baseURL: `${base}/v1`, apiKey }),
  google: createGoogle({ baseURL: `${base}/v1beta`, apiKey }),
};
const MODELS = ["gpt-5-mini", "claude-sonnet-5", "gemini-3.5-flash", "deepseek-chat"];
const WAYS = { whole: generateText, streamed: streamText };

async function play(ask, model) {
  const given = [];
  const get_weather = tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async (input) => {
      given.push(input);
      return "4 degrees";
    },
  });
  const request = { model, tools: { get_weather }, prompt: "call get_weather: Oslo", maxRetries: 0 };
  let failure;
  const onError = ({ error }) => (failure = error);
  const answer = await ask({ ...request, stopWhen: isStepCount(4), onError });
  const [text, steps, finish] = await Promise.all([answer.text, answer.steps, answer.finishReason]);
  if (failure) throw failure;
  return { given, steps: steps.length, finish, text };
}

for (const [name, provider] of Object.entries(PROVIDERS)) {
  for (const model of MODELS) {
    for (const [way, ask] of Object.entries(WAYS)) {
      const run = `${name}/${model}/${way}`;
      try {
        console.log(JSON.stringify({ run, ...(await play(ask, provider(model))) }));
      } catch (error) {
        console.error(run, error);
        console.log(JSON.stringify({ run, failed: String(error) }));
      }
    }
  }
}

import { apiKey } from "./apiKey.ts";

/** A refusal, or no answer at all (`away`): `code` is the API's, `message` is for people. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
  }

  /** Another key may get further. */
  get isAboutKey(): boolean {
    return ["key_required", "key_invalid", "scope_missing"].includes(this.code);
  }
}

const ANSWER_MS_MAX = 10_000;

/** Asks this instance's admin port. Rejects with `ApiError`. */
export async function ask<T>(path: string, body?: string): Promise<T> {
  const key = apiKey();
  const response = await answerTo(path, {
    ...(body !== undefined && { method: "POST", body }),
    headers: {
      ...(key !== undefined && { Authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "Content-Type": "application/json" }),
    },
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw new ApiError(...refusalIn(text, response.status), response.status);
}

async function answerTo(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, init);
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    const message = isLate
      ? `no answer within ${ANSWER_MS_MAX / 1000} s`
      : "the admin port does not answer: the instance has ended, or the network between is cut";
    throw new ApiError("away", message, 0, { cause: error });
  }
}

function refusalIn(text: string, status: number): [code: string, message: string] {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string; message?: string } };
    if (error?.code !== undefined) return [error.code, error.message ?? ""];
  } catch {
    // Something between here and the instance has answered: its status says more than its page.
  }
  return ["unexpected", `answered with status ${status}`];
}

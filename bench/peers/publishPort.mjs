/** Answers a POST of JSON texts, a line each, once they have been taken; anything else with a greeting. */
export async function answerPublish(request, response, take) {
  if (request.method === "POST") {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    await take(Buffer.concat(chunks).toString().split("\n"));
  }
  response.end("peer");
}

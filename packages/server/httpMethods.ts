/** The methods of one path. What a path takes by GET it answers to HEAD as well; the transport leaves out the body. */
export type Methods = Readonly<Record<string, (request: Request) => Response | Promise<Response>>>;

/** Answers with the path's handler, or with 405 and what would be allowed. */
export function answerByMethod(methods: Methods, request: Request): Response | Promise<Response> {
  const handler = methods[request.method === "HEAD" ? "GET" : request.method];
  if (handler !== undefined) return handler(request);
  const allowed = Object.keys(methods).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  const allow = allowed.join(", ");
  const message = `${new URL(request.url).pathname} takes ${allow}`;
  return Response.json(
    { error: { code: "method_not_allowed", message } },
    { status: 405, headers: { Allow: allow } },
  );
}

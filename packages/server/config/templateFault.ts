import { parseTemplate, TemplateError } from "../source/template.ts";

/** Says what is wrong with a channel template, and where. */
export function channelTemplateFault(template: string): string | undefined {
  try {
    parseTemplate(template);
    return undefined;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return error.message.slice(error.message.indexOf(", character") + 2);
  }
}

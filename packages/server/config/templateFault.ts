/** Between placeholders stands what a channel name may hold. */
const LITERAL = /^[A-Za-z0-9_:@$=+~.-]*$/;
const TEMPLATE_LENGTH_MAX = 1024;

/** Says what is wrong with the shape of a channel template: `{key}.{topic}`. */
export function channelTemplateFault(template: string): string | undefined {
  if (template === "" || template.length > TEMPLATE_LENGTH_MAX) {
    return `a template has 1 to ${TEMPLATE_LENGTH_MAX} characters`;
  }
  const rest = template.replaceAll(/\{[^{}]+\}/g, "");
  if (/[{}]/.test(rest)) return "its braces do not match, or hold nothing between them";
  if (!LITERAL.test(rest)) {
    return "outside of braces only letters, digits and _ : @ $ = + ~ . - may stand, as in channel names";
  }
  return undefined;
}

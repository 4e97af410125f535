import { celValue, compileValidation, type Expression, reason, Unsupported } from '../admission/cel.ts';
import { type Json, type JsonMap, text } from '../model.ts';

type Compiled = (Expression & { isTransition: boolean }) | { unsupported: string };

const known = new Map<string, Compiled>();

function compiled(source: string): Compiled {
  let found = known.get(source);
  if (found === undefined) {
    try {
      found = compileValidation(source);
    } catch (error) {
      if (!(error instanceof Unsupported)) {
        throw error;
      }
      found = { unsupported: error.message };
    }
    known.set(source, found);
  }
  return found;
}

/**
 * What a value is told by the CEL rules of a CustomResourceDefinition when it is created; `self` is the value. A rule
 * that cannot be judged here says so: it must not pass unjudged.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
 */
export function brokenRules(rules: JsonMap[], value: Json): string[] {
  const self = celValue(value);
  return rules.flatMap((entry): string[] => {
    const source = text(entry.rule);
    const rule = compiled(source);
    if ('unsupported' in rule) {
      return [`is under the rule "${source.trim()}", which cannot be judged here: ${rule.unsupported}`];
    }
    if (rule.isTransition) {
      return entry.optionalOldSelf === true
        ? [`is under the rule "${source.trim()}", which cannot be judged here: optionalOldSelf`]
        : [];
    }
    try {
      return rule.evaluate({ self }) === true ? [] : [message(entry, self)];
    } catch (error) {
      return [`is under the rule "${source.trim()}", which ends in an error: ${reason(error)}`];
    }
  });
}

function message(entry: JsonMap, self: ReturnType<typeof celValue>): string {
  const said = text(entry.messageExpression) === '' ? undefined : compiled(text(entry.messageExpression));
  try {
    const words = said !== undefined && 'evaluate' in said ? said.evaluate({ self }) : undefined;
    if (typeof words === 'string' && words.trim() !== '') {
      return words;
    }
  } catch {
    // The API server falls back in the same way.
  }
  return text(entry.message) || `breaks the rule "${text(entry.rule).trim()}"`;
}

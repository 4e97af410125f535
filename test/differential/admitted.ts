import { isMap, type Json, type JsonMap } from '../../scripts/check/model.ts';

/** Kinds of which the API server fills in more than defaults: addresses, ports, a volume's class, a pod's tolerations, a job's selector. */
const alsoAssigned = ['Job', 'Pod', 'Service', 'PersistentVolumeClaim', 'Namespace'];

/** The fields of `spec` that the API server has otherwise than `ours`, the object as the check takes it to be admitted. */
export function otherThanAdmitted(ours: JsonMap, theirs: JsonMap): string[] {
  return differences(ours.spec, theirs.spec, 'spec', alsoAssigned.includes(String(ours.kind)));
}

function differences(
  ours: Json | undefined,
  theirs: Json | undefined,
  at: string,
  subset: boolean,
): string[] {
  if (isEmpty(ours) && (isEmpty(theirs) || subset)) {
    return [];
  }
  if (isMap(ours) && isMap(theirs)) {
    return [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].flatMap((key) =>
      differences(ours[key], theirs[key], `${at}.${key}`, subset),
    );
  }
  if (Array.isArray(ours) && Array.isArray(theirs) && (ours.length === theirs.length || subset)) {
    return ours.flatMap((item, index) => differences(item, theirs[index], `${at}.${index}`, subset));
  }
  return ours === theirs
    ? []
    : [`${at} is ${JSON.stringify(theirs)}, the check takes it to be ${JSON.stringify(ours)}`];
}

/** What Go leaves out of JSON where a field is `omitempty`; no policy here tells it from what is not there. */
function isEmpty(value: Json | undefined): boolean {
  return (
    value === undefined ||
    value === null ||
    value === '' ||
    value === 0 ||
    value === false ||
    (typeof value === 'object' && Object.values(value).every(isEmpty))
  );
}

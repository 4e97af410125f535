import type { Finding, Json } from '../check/model.ts';

/** A field that a finding is about; `cluster` and `git` are its values, absent where a side has none or it is not said. */
type AuditField = { path: string; cluster?: Json; git?: Json };

/**
 * What is found of a live object: that it breaks a rule, that it is not what Git says, or that nobody owns it. The
 * environment is '' where it is of none; the object's strings are '' where a finding is about no object.
 */
export type AuditFinding = Pick<Finding, 'rule' | 'severity' | 'environment' | 'object' | 'message'> & {
  kind: 'policy' | 'drift' | 'unowned';
  fields?: AuditField[];
};

/** What was looked at. */
type AuditCoverage = {
  /** The commit, or the folder, whose files the cluster was held to. */
  git: string;
  /** The environments that were compared with Git. */
  environments: string[];
  applications: number;
  /** How many live objects were looked at for their owners. */
  objects: number;
  /** How many of them were held to the rules, and to how many policies and rules over several objects. */
  judged: number;
  policies: number;
  rules: number;
};

export type Audit = { findings: AuditFinding[]; coverage: AuditCoverage };

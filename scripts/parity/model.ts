import type { Json, Place } from '../check/model.ts';
import type { Identity } from './matching.ts';

/**
 * What one environment has of a field: no value where it has none, a place where it is known what set it or took it
 * away. `overlay`: it is the overlay that says so, by a file of its own or by listing what does.
 */
export type Standing = { value?: Json; place?: Place; overlay: boolean };

/** A field that is not the same in all environments; the whole object, where only some have it, for the path ''. */
export type Difference = {
  object: Identity;
  path: string;
  /** By the names of the environments; without those that have not the object, where it is about a field. */
  standings: Record<string, Standing>;
  intended: boolean;
};

/** What differs between environments, and what names them. Files are relative to the root. */
export type Parity = {
  environments: { name: string; namespace: string }[];
  objects: number;
  differences: Difference[];
};

/** Shown in place of an object that is there. */
export const isThere = 'there';

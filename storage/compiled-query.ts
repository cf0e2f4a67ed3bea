import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely';
import type { Database } from './database.ts';

/** Stands for a parameter while a query is compiled. */
class Parameter {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * A query built and compiled once per engine and run with new values each time: on the path of every enrollment,
 * building SQL would cost more than executing it.
 * @param build makes the query from placeholders; it must use each value as a value only
 */
export function compiledQuery<Values extends object, Row>(
  build: (db: Kysely<Database>, values: Values) => Compilable<Row>,
): (db: Kysely<Database>, values: Values) => Promise<QueryResult<Row>> {
  const compiled = new WeakMap<Kysely<Database>, CompiledQuery<Row>>();
  return (db, values) => {
    let query = compiled.get(db);
    if (!query) {
      const placeholders = new Proxy({} as Values, {
        get: (_, name) => new Parameter(String(name)),
      });
      query = build(db, placeholders).compile();
      compiled.set(db, query);
    }
    const parameters = query.parameters.map((value) =>
      value instanceof Parameter ? (values as Record<string, unknown>)[value.name] : value,
    );
    return db.executeQuery<Row>({ ...query, parameters });
  };
}

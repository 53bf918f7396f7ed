-- Plants, in the schema public, overloads of functions and of operators that PostgreSQL prefers to pg_catalog's own where
-- a call is not qualified and an argument has no operator or function of exactly its type. Each tells the server's log that it ran.
DO $plant$
DECLARE
  f record;
  chosen text[];
  body CONSTANT text := 'BEGIN RAISE LOG ''PLANTED % of % by %'', %L, current_setting(''application_name''), current_user; RETURN NULL; END';
  returns text;
BEGIN
  -- Functions: each text argument may be a name, each bigint an integer, and so on.
  FOR f IN
    SELECT p.proname, p.proargtypes::oid[] AS args, p.proretset, p.prorettype FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a') AND p.provariadic = 0
      AND p.pronargs BETWEEN 1 AND 4 AND p.proname = ANY (pg_catalog.string_to_array(pg_catalog.current_setting('plant.functions'), ' '))
  LOOP
    returns := CASE WHEN (SELECT t.typtype FROM pg_catalog.pg_type t WHERE t.oid = f.prorettype) = 'p' THEN 'text' ELSE f.prorettype::regtype::text END;
    FOR chosen IN
      WITH RECURSIVE variants (n, types) AS (
        SELECT 0, ARRAY[]::text[]
        UNION ALL
        SELECT v.n + 1, v.types || s.type FROM variants v CROSS JOIN LATERAL pg_catalog.unnest(CASE f.args[v.n]::regtype::text
            WHEN 'text' THEN ARRAY['text', 'name', 'varchar', '"char"']
            WHEN 'bigint' THEN ARRAY['bigint', 'integer', 'smallint', 'oid']
            WHEN 'integer' THEN ARRAY['integer', 'smallint', 'oid']
            WHEN 'double precision' THEN ARRAY['double precision', 'numeric', 'real', 'bigint', 'integer']
            WHEN 'numeric' THEN ARRAY['numeric', 'bigint', 'integer', 'double precision']
            WHEN 'oid' THEN ARRAY['oid', 'regclass', 'regproc', 'bigint']
            WHEN 'regclass' THEN ARRAY['regclass', 'oid']
            WHEN 'anyarray' THEN ARRAY['text[]', 'name[]', 'smallint[]', 'integer[]', 'bigint[]', 'oid[]', 'real[]', 'int2vector', 'oidvector']
            WHEN '"any"' THEN ARRAY['text', 'name', 'oid', 'bigint', 'integer', '"char"', 'regclass', 'double precision', 'boolean']
            WHEN 'anyelement' THEN ARRAY['text', 'name', 'oid', 'bigint', 'integer', '"char"', 'regclass', 'record', 'json', 'jsonb']
            WHEN 'anynonarray' THEN ARRAY['text', 'name', 'oid', 'bigint', 'integer', '"char"', 'regclass']
            ELSE ARRAY[f.args[v.n]::regtype::text] END) s (type)
        WHERE v.n < pg_catalog.cardinality(f.args))
      SELECT types FROM variants WHERE n = pg_catalog.cardinality(f.args) LIMIT 200
    LOOP
      BEGIN
        CONTINUE WHEN pg_catalog.to_regprocedure(pg_catalog.format('pg_catalog.%I(%s)', f.proname, pg_catalog.array_to_string(chosen, ', '))) IS NOT NULL;
        EXECUTE pg_catalog.format('CREATE FUNCTION public.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', f.proname, pg_catalog.array_to_string(chosen, ', '),
          CASE WHEN f.proretset THEN 'SETOF' ELSE '' END, returns,
          pg_catalog.replace(CASE WHEN f.proretset THEN pg_catalog.replace(body, 'RETURN NULL', 'RETURN') ELSE body END, '%L', pg_catalog.quote_literal(f.proname::text || '(' || pg_catalog.array_to_string(chosen, ',') || ')')));
      EXCEPTION WHEN OTHERS THEN NULL; -- two originals give one overload; a pseudo-type is none that plpgsql takes
      END;
    END LOOP;
  END LOOP;
END
$plant$;

DO $plant$
DECLARE
  types CONSTANT text[] := ARRAY['text', 'name', 'varchar', '"char"', 'oid', 'regclass', 'regtype', 'smallint', 'integer', 'bigint', 'double precision', 'real',
    'numeric', 'boolean', 'xid', 'text[]', 'name[]', 'smallint[]', 'integer[]', 'bigint[]', 'oid[]', 'interval', 'timestamptz'];
  l text;
  r text;
  symbol text;
  returns text;
BEGIN
  FOREACH l IN ARRAY types LOOP
    FOREACH r IN ARRAY types LOOP
      FOREACH returns IN ARRAY ARRAY['boolean', 'text', 'double precision'] LOOP
        EXECUTE pg_catalog.format('CREATE FUNCTION public.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', 'planted_' || returns, l, r, returns,
          pg_catalog.replace('BEGIN RAISE LOG ''PLANTED % of % by %'', %L, current_setting(''application_name''), current_user; RETURN NULL; END', '%L', pg_catalog.quote_literal('operator(' || l || ',' || r || ')')));
      END LOOP;
      FOREACH symbol IN ARRAY pg_catalog.string_to_array(pg_catalog.current_setting('plant.operators'), ' ') LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_operator o
          WHERE o.oprname = symbol AND o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprleft = l::regtype AND o.oprright = r::regtype);
        EXECUTE pg_catalog.format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.%I)', symbol, l, r,
          'planted_' || CASE WHEN symbol IN ('||', '->>', '->') THEN 'text' WHEN symbol IN ('+', '-', '*', '/', '<<', '%') THEN 'double precision' ELSE 'boolean' END);
      END LOOP;
    END LOOP;
  END LOOP;
END
$plant$;

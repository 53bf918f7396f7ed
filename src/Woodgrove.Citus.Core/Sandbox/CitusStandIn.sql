-- A stand-in for the Citus extension, for sandboxes on machines that have none.
--
-- It is: Citus's catalogs, views and functions by their own names on ONE plain PostgreSQL (14 to 18), where a
-- distributed table is a hash-partitioned table whose partitions are the shards. Rows land in the very shard
-- that Citus would choose, shards bear Citus's names and hash ranges, and errors bear Citus's SQLSTATEs.
-- It is not: Citus. There is one node, nothing runs in parallel, plans are PostgreSQL's own, and what Citus
-- refuses in queries works here. It proves nothing about the speed of a cluster or what one accepts.
--
-- Run it as a superuser in a fresh database. citus_version() begins with 'Citus stand-in', so that nobody
-- takes it for the real thing.

SET allow_system_table_mods = on;  -- objects in pg_catalog: tools ask for pg_catalog.pg_dist_node and the like

CREATE SCHEMA citus;
CREATE SCHEMA citus_standin;      -- what only the stand-in needs
CREATE SCHEMA citus_standin_old;  -- where a table waits while its successor is filled; empty otherwise
GRANT USAGE ON SCHEMA citus, citus_standin, citus_standin_old TO PUBLIC;

CREATE TYPE citus.distribution_type AS ENUM ('hash', 'range', 'append');
CREATE TYPE citus.shard_transfer_mode AS ENUM ('auto', 'force_logical', 'block_writes');
CREATE TYPE pg_catalog.noderole AS ENUM ('primary', 'secondary', 'unavailable');
CREATE TYPE pg_catalog.citus_job_status AS ENUM
  ('scheduled', 'running', 'finished', 'cancelling', 'cancelled', 'failing', 'failed');

-- ---------------------------------------------------------------------------------------------- Catalogs

CREATE SEQUENCE pg_catalog.pg_dist_shardid_seq MINVALUE 102008;
CREATE SEQUENCE pg_catalog.pg_dist_placement_placementid_seq;
CREATE SEQUENCE pg_catalog.pg_dist_colocationid_seq;

CREATE TABLE pg_catalog.pg_dist_node (
  nodeid int PRIMARY KEY, groupid int NOT NULL, nodename text NOT NULL, nodeport int NOT NULL DEFAULT 5432,
  noderack text NOT NULL DEFAULT 'default', hasmetadata bool NOT NULL DEFAULT false, isactive bool NOT NULL DEFAULT true,
  noderole noderole NOT NULL DEFAULT 'primary', nodecluster name NOT NULL DEFAULT 'default',
  metadatasynced bool DEFAULT false, shouldhaveshards bool NOT NULL DEFAULT true,
  nodeisclone bool NOT NULL DEFAULT false, nodeprimarynodeid int NOT NULL DEFAULT 0, UNIQUE (nodename, nodeport));
CREATE TABLE pg_catalog.pg_dist_local_group (groupid int PRIMARY KEY);
CREATE TABLE pg_catalog.pg_dist_partition (
  logicalrelid regclass NOT NULL UNIQUE, partmethod "char" NOT NULL, partkey text, colocationid int NOT NULL DEFAULT 0,
  repmodel "char" NOT NULL DEFAULT 'c', autoconverted bool DEFAULT false);
CREATE TABLE pg_catalog.pg_dist_shard (
  logicalrelid regclass NOT NULL, shardid bigint NOT NULL UNIQUE, shardstorage "char" NOT NULL,
  shardminvalue text, shardmaxvalue text);
CREATE INDEX ON pg_catalog.pg_dist_shard (logicalrelid);
CREATE TABLE pg_catalog.pg_dist_placement (
  placementid bigint NOT NULL UNIQUE DEFAULT nextval('pg_catalog.pg_dist_placement_placementid_seq'),
  shardid bigint NOT NULL, shardstate int NOT NULL, shardlength bigint NOT NULL, groupid int NOT NULL,
  UNIQUE (shardid, groupid));
CREATE TABLE pg_catalog.pg_dist_colocation (
  colocationid int PRIMARY KEY, shardcount int NOT NULL, replicationfactor int NOT NULL,
  distributioncolumntype oid NOT NULL, distributioncolumncollation oid NOT NULL);
CREATE TABLE pg_catalog.pg_dist_schema (schemaid oid PRIMARY KEY, colocationid int NOT NULL UNIQUE);
CREATE TABLE pg_catalog.pg_dist_cleanup (
  record_id bigint PRIMARY KEY, operation_id bigint NOT NULL, object_type int NOT NULL, object_name text NOT NULL,
  node_group_id int NOT NULL, policy_type int NOT NULL);
CREATE TABLE pg_catalog.pg_dist_transaction (groupid int NOT NULL, gid text NOT NULL, outer_xid xid8, UNIQUE (groupid, gid));

-- What bears the name <table>_<shardid>, and what holds the rows: for a hashed table its partition both times, for
-- any other a view, and the table itself. Kept by OID, so that both outlive a rename.
CREATE TABLE citus_standin.shard (shardid bigint PRIMARY KEY, bearer regclass NOT NULL, storage regclass NOT NULL);

GRANT SELECT ON pg_catalog.pg_dist_shardid_seq, pg_catalog.pg_dist_node, pg_catalog.pg_dist_local_group, pg_catalog.pg_dist_partition,
  pg_catalog.pg_dist_shard, pg_catalog.pg_dist_placement, pg_catalog.pg_dist_colocation, pg_catalog.pg_dist_schema,
  pg_catalog.pg_dist_cleanup, pg_catalog.pg_dist_transaction, citus_standin.shard TO PUBLIC;

INSERT INTO pg_catalog.pg_dist_local_group VALUES (0);
INSERT INTO pg_catalog.pg_dist_node (nodeid, groupid, nodename, nodeport, hasmetadata, metadatasynced)
VALUES (1, 0, 'localhost', current_setting('port')::int, true, true);

-- So that SHOW citus.shard_count answers in sessions to come, as it does where Citus is loaded.
DO $$
BEGIN
  EXECUTE format('ALTER DATABASE %I SET citus.shard_count = 32', current_database());
  EXECUTE format('ALTER DATABASE %I SET citus.shard_replication_factor = 1', current_database());
END $$;

-- ------------------------------------------------------------------------------------------- Small parts

CREATE FUNCTION pg_catalog.citus_version() RETURNS text LANGUAGE sql STABLE STRICT
RETURN 'Citus stand-in 13.2 on ' || version();

-- Whoever calls, seen from inside a SECURITY DEFINER function.
CREATE FUNCTION citus_standin.caller() RETURNS name LANGUAGE sql STABLE
RETURN CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END;

CREATE FUNCTION citus_standin.require_owner(relation regclass) RETURNS name LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE c record;
BEGIN
  SELECT relname, pg_get_userbyid(relowner) AS owner INTO c FROM pg_class WHERE oid = relation;
  IF NOT pg_has_role(citus_standin.caller(), c.owner, 'USAGE') THEN
    RAISE insufficient_privilege USING MESSAGE = format('must be owner of table %s', c.relname);
  END IF;
  RETURN c.owner;
END $$;

CREATE FUNCTION citus_standin.lacks(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE feature_not_supported USING MESSAGE = format('the Citus stand-in has no %s', what),
    HINT = 'Citus itself has it: connect to a real cluster.';
END $$;

CREATE FUNCTION citus_standin.bare_name(relation regclass) RETURNS name LANGUAGE sql STABLE
RETURN (SELECT relname FROM pg_class WHERE oid = relation);

CREATE FUNCTION citus_standin.grantee(role oid) RETURNS text LANGUAGE sql STABLE
RETURN CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END;

CREATE FUNCTION citus_standin.kind(partkey text, repmodel "char") RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN partkey IS NULL AND repmodel = 't' THEN 'reference' ELSE 'distributed' END;

-- Runs commands as a table's owner: what the table brings along (CHECKs, defaults, triggers) is its owner's code
-- and must never run as a superuser. Ownership of the second function is lent for the call.
CREATE FUNCTION citus_standin.run(commands text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS 'BEGIN EXECUTE commands; END';
CREATE FUNCTION citus_standin.run_as(owner name, commands text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF commands <> '' THEN
    EXECUTE format('ALTER FUNCTION citus_standin.run(text) OWNER TO %I', owner);
    EXECUTE 'SELECT citus_standin.run($1)' USING commands;
    EXECUTE format('ALTER FUNCTION citus_standin.run(text) OWNER TO %I', current_user);
  END IF;
END $$;
REVOKE EXECUTE ON FUNCTION citus_standin.run(text) FROM PUBLIC;

-- <name>_<shardid>; a name too long for that is cut short and told apart by its hash, exactly as Citus does it.
CREATE FUNCTION citus_standin.label(base text, shard_id bigint) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN octet_length(base || '_' || shard_id) < 64 THEN base || '_' || shard_id
    ELSE left(base, (SELECT max(n)::int FROM generate_series(0, 63) n
                     WHERE octet_length(left(base, n)) <= 53 - length(shard_id::text)))
      || '_' || lpad(to_hex(hashtext(base)), 8, '0') || '_' || shard_id END
$$;

CREATE FUNCTION pg_catalog.shard_name(object_name regclass, shard_id bigint, skip_qualify_public bool DEFAULT true)
RETURNS text LANGUAGE sql STABLE STRICT AS $$
  SELECT CASE WHEN n.nspname = 'public' AND skip_qualify_public THEN '' ELSE quote_ident(n.nspname) || '.' END
    || quote_ident(citus_standin.label(c.relname, shard_id))
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = object_name
$$;

-- Citus keeps the distribution column as a printed Var; only its column number matters here.
CREATE FUNCTION citus_standin.key_number(partkey text) RETURNS int2 LANGUAGE sql IMMUTABLE
RETURN substring(partkey FROM ':varattno (\d+)')::int2;

CREATE FUNCTION pg_catalog.column_name_to_column(table_name regclass, column_name text) RETURNS text
LANGUAGE sql STABLE STRICT AS $$
  SELECT format('{VAR :varno 1 :varattno %1$s :vartype %2$s :vartypmod %3$s :varcollid %4$s :varlevelsup 0 '
                ':varnosyn 1 :varattnosyn %1$s :location -1}', a.attnum, a.atttypid, a.atttypmod, a.attcollation)
  FROM pg_catalog.pg_attribute a WHERE a.attrelid = table_name AND a.attname = column_name AND a.attnum > 0
$$;
CREATE FUNCTION pg_catalog.column_to_column_name(table_name regclass, column_var_text text) RETURNS text
LANGUAGE sql STABLE STRICT AS $$
  SELECT a.attname::text FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = table_name AND a.attnum = citus_standin.key_number(column_var_text)
$$;

-- ----------------------------------------------------------------------------- Which shard a row belongs to

-- Citus takes the hash of the type's default hash operator class. A record of one field hashes as that field does.
CREATE FUNCTION pg_catalog.worker_hash(value anyelement) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS 'SELECT pg_catalog.hash_record(ROW(value))';

-- An operator class for PARTITION BY HASH under which the remainder is Citus's shard index, made on first use.
-- PostgreSQL adds 5305509591434766563 to the 64 bits that the class's second function gives (hash_combine64 with
-- a zero), then takes the remainder by the number of partitions. A function that gives the index less that
-- constant therefore names the partition. Citus cuts the 2^32 hashes into equal ranges and gives the last what is
-- left over, hence least(). plpgsql, since PostgreSQL cannot inline here: 1.7 times as fast as LANGUAGE sql.
-- The type's whole operator family is taken over, so that an int literal prunes shards by a bigint column.
CREATE FUNCTION citus_standin.operator_class(column_type oid, shards int) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base oid := column_type;
  class record;
  member record;
  family text;
BEGIN
  WHILE (SELECT typtype = 'd' FROM pg_type WHERE oid = base) LOOP
    base := (SELECT typbasetype FROM pg_type WHERE oid = base);
  END LOOP;
  SELECT o.opcname, o.opcfamily, f.opfname INTO class
  FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod JOIN pg_opfamily f ON f.oid = o.opcfamily JOIN pg_type t ON t.oid = o.opcintype
  WHERE m.amname = 'hash' AND o.opcdefault AND (o.opcintype = base OR EXISTS (
    SELECT FROM pg_cast WHERE castsource = base AND casttarget = o.opcintype AND castmethod = 'b' AND castcontext = 'i'))
  ORDER BY o.opcintype = base DESC, t.typispreferred DESC LIMIT 1;
  IF NOT FOUND AND (SELECT typcategory IN ('A', 'E', 'R') OR typtype = 'c' FROM pg_type WHERE oid = base) THEN
    RAISE feature_not_supported USING
      MESSAGE = format('the Citus stand-in cannot distribute by a column of type %s', format_type(column_type, NULL)),
      HINT = 'Citus itself can. Here the type must have a hash operator class of its own, as bigint, text and uuid have.';
  ELSIF NOT FOUND THEN
    RAISE undefined_object USING DETAIL = 'Partition column types must have a default operator class defined.',
      MESSAGE = format('data type %s has no default operator class for specified partition method', format_type(column_type, NULL));
  END IF;

  family := format('citus_standin.%I', class.opfname || '_' || shards);
  IF NOT EXISTS (SELECT FROM pg_opfamily WHERE opfname = class.opfname || '_' || shards AND opfnamespace = 'citus_standin'::regnamespace) THEN
    EXECUTE format('CREATE OPERATOR FAMILY %s USING hash', family);
    FOR member IN
      SELECT format('citus_standin.%I', o.opcname || '_' || shards) AS class, format_type(o.opcintype, -1) AS type,
             p.amproc::oid::regprocedure AS hash,
             format('%I.%I', n.nspname, f.proname) AS hash_name, f.prosrc, f.proargtypes[0] <> o.opcintype AS borrowed
      FROM pg_opclass o JOIN pg_amproc p ON p.amprocfamily = o.opcfamily AND p.amproclefttype = o.opcintype AND p.amprocnum = 1
      JOIN pg_proc f ON f.oid = p.amproc JOIN pg_namespace n ON n.oid = f.pronamespace
      WHERE o.opcfamily = class.opcfamily AND o.opcdefault
    LOOP
      IF member.borrowed THEN  -- dates hash by int4's function, and so on, which SQL would not call with a date
        EXECUTE format('CREATE OR REPLACE FUNCTION citus_standin.hash(%s) RETURNS int LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS %L',
          member.type, member.prosrc);
        member.hash_name := 'citus_standin.hash';
      END IF;
      EXECUTE format('CREATE FUNCTION %s(%s, bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS %L',
        member.class, member.type, format('BEGIN RETURN least((%s($1) + 2147483648) / %s, %s) - 5305509591434766563; END',
          member.hash_name, 4294967296 / shards, shards - 1));
      EXECUTE format('CREATE OPERATOR CLASS %1$s FOR TYPE %2$s USING hash FAMILY %3$s AS FUNCTION 1 %4$s, FUNCTION 2 %1$s(%2$s, bigint)',
        member.class, member.type, family, member.hash);
    END LOOP;
    EXECUTE (SELECT format('ALTER OPERATOR FAMILY %s USING hash ADD %s', family, string_agg('OPERATOR 1 ' || amopopr::oid::regoperator, ', '))
             FROM pg_amop WHERE amopfamily = class.opcfamily);
  END IF;
  RETURN format('citus_standin.%I', class.opcname || '_' || shards);
END $$;

-- Two overloads stand for Citus's "any": untyped literals choose text, everything else is any type.
CREATE FUNCTION pg_catalog.get_shard_id_for_distribution_column(table_name regclass, distribution_value text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  key text;
  hash int;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_dist_partition p WHERE p.logicalrelid = table_name) THEN
    RAISE invalid_table_definition USING MESSAGE = 'relation is not distributed';
  ELSIF NOT has_table_privilege(table_name, 'SELECT') THEN
    RAISE insufficient_privilege USING MESSAGE = format('permission denied for table %s', citus_standin.bare_name(table_name));
  END IF;
  SELECT format_type(a.atttypid, -1) INTO key FROM pg_catalog.pg_dist_partition p
  JOIN pg_catalog.pg_attribute a ON a.attrelid = p.logicalrelid AND a.attnum = citus_standin.key_number(p.partkey)
  WHERE p.logicalrelid = table_name;
  IF key IS NOT NULL AND distribution_value IS NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'distribution value cannot be NULL for tables other than reference tables.';
  ELSIF key IS NOT NULL THEN
    EXECUTE format('SELECT pg_catalog.worker_hash($1::%s)', key) INTO hash USING distribution_value;
  END IF;
  RETURN (SELECT s.shardid FROM pg_catalog.pg_dist_shard s WHERE s.logicalrelid = table_name
          AND (key IS NULL OR hash BETWEEN s.shardminvalue::int AND s.shardmaxvalue::int));
END $$;
CREATE FUNCTION pg_catalog.get_shard_id_for_distribution_column(table_name regclass, distribution_value anyelement)
RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT pg_catalog.get_shard_id_for_distribution_column(table_name, distribution_value::text)';

-- PostgreSQL puts rows with no distribution value into partition 0, so that shard alone has a CHECK that calls this.
-- VOLATILE, or the planner would call it beforehand.
CREATE FUNCTION citus_standin.refuse_null(relation regclass) RETURNS bool LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RAISE null_value_not_allowed USING MESSAGE = (
    SELECT format('the partition column of table %s.%s cannot be NULL', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation);
END $$;

-- ------------------------------------------------------------------------------------ Making and unmaking

-- Brings the shards of a table into line with it: names, schema, owner, privileges, names of indexes. Runs when
-- they are made and after DDL on the table.
CREATE FUNCTION citus_standin.align(relation regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET citus_standin.busy = on AS $$
DECLARE command text;
BEGIN
  -- PostgreSQL looks at NOT NULL before CHECK: lifted from the first shard, where refuse_null stands in for it, so
  -- that a missing distribution value is 22004 under a primary key too.
  UPDATE pg_attribute a SET attnotnull = false
  FROM pg_dist_partition p JOIN pg_dist_shard d ON d.logicalrelid = p.logicalrelid AND d.shardminvalue = '-2147483648'
  JOIN citus_standin.shard s ON s.shardid = d.shardid, pg_attribute k
  WHERE p.logicalrelid = relation AND k.attrelid = relation AND k.attnum = citus_standin.key_number(p.partkey)
    AND a.attrelid = s.bearer AND a.attname = k.attname AND a.attnotnull;

  FOR command IN
    WITH shard AS (
      SELECT s.shardid, s.bearer, s.storage, c.relname, c.relnamespace, c.relowner, c.relacl, t.relname AS table_name,
             t.relnamespace AS table_schema, t.relowner AS table_owner, t.relacl AS table_acl, citus_standin.label(t.relname, s.shardid) AS label
      FROM pg_dist_shard d JOIN citus_standin.shard s ON s.shardid = d.shardid
      JOIN pg_class c ON c.oid = s.bearer JOIN pg_class t ON t.oid = d.logicalrelid WHERE t.oid = relation)
    SELECT ddl FROM (
      SELECT 1, format('ALTER TABLE %s OWNER TO %I', bearer, pg_get_userbyid(table_owner)) FROM shard WHERE relowner <> table_owner
      UNION ALL
      SELECT 2, format('REVOKE ALL ON %s FROM %s', bearer, citus_standin.grantee(a.grantee))
      FROM shard, aclexplode(relacl) a WHERE relacl IS DISTINCT FROM table_acl AND a.grantee <> table_owner
      UNION ALL
      SELECT 3, format('GRANT %s ON %s TO %s %s', a.privilege_type, bearer,
        citus_standin.grantee(a.grantee), CASE WHEN a.is_grantable THEN 'WITH GRANT OPTION' END)
      FROM shard, aclexplode(table_acl) a WHERE relacl IS DISTINCT FROM table_acl AND a.grantee <> table_owner
      UNION ALL
      SELECT 4, format('ALTER INDEX %s RENAME TO %I', h.inhrelid::regclass, citus_standin.label(c.relname, shardid))
      FROM shard JOIN pg_index i ON i.indrelid = shard.storage JOIN pg_inherits h ON h.inhrelid = i.indexrelid
      JOIN pg_class c ON c.oid = h.inhparent JOIN pg_class o ON o.oid = h.inhrelid
      WHERE o.relname <> citus_standin.label(c.relname, shardid)
      UNION ALL
      SELECT 5, format('ALTER TABLE %s RENAME TO %I', bearer, label) FROM shard WHERE relname <> label
      UNION ALL
      SELECT 6, format('ALTER TABLE %s.%I SET SCHEMA %s', relnamespace::regnamespace, label, table_schema::regnamespace)
      FROM shard WHERE relnamespace <> table_schema) x (step, ddl) ORDER BY step
  LOOP
    EXECUTE command;
  END LOOP;
END $$;

-- Puts a table of the same name, columns, rows, constraints, indexes, triggers, comments and privileges in place of
-- another, partitioned or not. PostgreSQL cannot turn one into the other, so the table's OID is a new one.
CREATE FUNCTION citus_standin.rebuild(old regclass, owner name, partition_by text, partitions text) RETURNS regclass LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  home text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = old);
  attic text := (SELECT format('citus_standin_old.%I', relname) FROM pg_class WHERE oid = old);
  copied text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                  WHERE attrelid = old AND attnum > 0 AND NOT attisdropped AND attgenerated = '');
  rest text;      -- what is made after the rows are in
  referrers record;
  sequence record;
  sequences text := '';
  inbound text[] := '{}';
  inbound_owners name[] := '{}';
  last record;
  i int;
BEGIN
  IF EXISTS (SELECT FROM pg_policy WHERE polrelid = old) OR EXISTS (SELECT FROM pg_inherits WHERE inhparent = old AND partition_by <> '') THEN
    PERFORM citus_standin.lacks('way to distribute tables with row-level security policies or children');
  END IF;

  -- Every definition is read while the old table still bears its name.
  SELECT string_agg(ddl, E';\n' ORDER BY step, id) INTO rest FROM (
    SELECT 1, oid, format('ALTER TABLE %s ADD CONSTRAINT %I %s', home, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = old AND contype IN ('p', 'u', 'x')
    UNION ALL
    SELECT 2, indexrelid, pg_get_indexdef(indexrelid) FROM pg_index x
    WHERE indrelid = old AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = x.indexrelid AND conrelid = old)
    UNION ALL
    SELECT 3, oid, format('ALTER TABLE %s ADD CONSTRAINT %I %s', home, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = old AND contype = 'f' AND conparentid = 0
    UNION ALL
    SELECT 3, oid, format('DROP STATISTICS %s.%I; %s', stxnamespace::regnamespace, stxname, pg_get_statisticsobjdef(oid)) FROM pg_statistic_ext WHERE stxrelid = old
    UNION ALL
    SELECT 4, oid, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = old AND NOT tgisinternal
    UNION ALL
    SELECT 5, d.objoid, format('COMMENT ON %s %s IS %L', replace(o.type, 'table constraint', 'constraint'), o.identity, d.description)
    FROM pg_description d, pg_identify_object(d.classoid, d.objoid, 0) o
    WHERE d.objsubid = 0 AND (d.classoid = 'pg_class'::regclass AND (d.objoid = old OR d.objoid IN (SELECT indexrelid FROM pg_index WHERE indrelid = old))
      OR d.classoid = 'pg_constraint'::regclass AND d.objoid IN (SELECT oid FROM pg_constraint WHERE conrelid = old)
      OR d.classoid = 'pg_trigger'::regclass AND d.objoid IN (SELECT oid FROM pg_trigger WHERE tgrelid = old))
    UNION ALL
    SELECT 6, 0, format('GRANT %s %s ON %s TO %s %s', a.privilege_type, '(' || quote_ident(g.col) || ')', home,
      citus_standin.grantee(a.grantee), CASE WHEN a.is_grantable THEN 'WITH GRANT OPTION' END)
    FROM (SELECT NULL AS col, relacl AS acl FROM pg_class WHERE oid = old
          UNION ALL SELECT attname, attacl FROM pg_attribute WHERE attrelid = old AND attacl IS NOT NULL) g, aclexplode(g.acl) a
    WHERE pg_get_userbyid(a.grantee) <> owner) x (step, id, ddl);

  FOR referrers IN
    SELECT k.conrelid::regclass AS referrer, k.conname, pg_get_userbyid(c.relowner) AS owner, pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.confrelid = old AND k.conrelid <> old AND k.contype = 'f' AND k.conparentid = 0
  LOOP
    inbound := inbound || format('ALTER TABLE %s ADD CONSTRAINT %I %s', referrers.referrer, referrers.conname, referrers.definition);
    inbound_owners := inbound_owners || referrers.owner;
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', referrers.referrer, referrers.conname);
  END LOOP;

  -- A serial's sequence changes hands; an identity's is made anew and goes on where the old one was.
  FOR sequence IN
    SELECT d.objid::regclass AS name, d.deptype, a.attname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    JOIN pg_attribute a ON a.attrelid = old AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = old AND d.deptype IN ('a', 'i')
  LOOP
    IF sequence.deptype = 'a' THEN
      EXECUTE format('ALTER SEQUENCE %s OWNED BY NONE', sequence.name);
      sequences := sequences || format('ALTER SEQUENCE %s OWNED BY %s.%I;', sequence.name, home, sequence.attname);
    ELSE
      EXECUTE format('SELECT last_value, is_called FROM %s', sequence.name) INTO last;
      sequences := sequences || format('SELECT setval(pg_get_serial_sequence(%L, %L), %s, %L);', home, sequence.attname, last.last_value, last.is_called);
    END IF;
  END LOOP;

  EXECUTE format('ALTER TABLE %s SET SCHEMA citus_standin_old', home);
  PERFORM citus_standin.run_as(owner, format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING STATISTICS) %s', home, attic, partition_by));
  PERFORM citus_standin.run_as(owner, partitions);
  PERFORM citus_standin.run_as(owner, format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM %3$s', home, copied, attic));
  EXECUTE sequences;
  PERFORM citus_standin.run_as(owner, rest);
  FOR i IN 1 .. cardinality(inbound) LOOP
    PERFORM citus_standin.run_as(inbound_owners[i], inbound[i]);
  END LOOP;
  BEGIN
    EXECUTE format('DROP TABLE %s', attic);
  EXCEPTION WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS rest = PG_EXCEPTION_DETAIL;
    RAISE feature_not_supported USING DETAIL = replace(rest, 'citus_standin_old.', ''),
      MESSAGE = format('the Citus stand-in cannot rebuild table %s while other objects depend on it', home),
      HINT = 'Drop them first and create them again afterwards. Citus itself does not ask for that.';
  END;
  RETURN home::regclass;
END $$;

-- What every way of distributing asks first; gives the table's owner.
CREATE FUNCTION citus_standin.require_distributable(relation regclass) RETURNS name LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c pg_class := (SELECT t FROM pg_class t WHERE t.oid = relation);
  owner name;
BEGIN
  IF c.oid < 16384 OR c.relnamespace = 'pg_catalog'::regnamespace THEN
    RAISE feature_not_supported USING MESSAGE = 'cannot create a citus table from a catalog table';
  END IF;
  owner := citus_standin.require_owner(relation);
  -- Held to the end: one at a time makes operator classes, picks colocation groups and moves tables.
  LOCK TABLE pg_dist_colocation IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = relation) THEN
    RAISE invalid_table_definition USING MESSAGE = format('table "%s" is already distributed', c.relname);
  ELSIF c.relkind = 'f' THEN
    RAISE internal_error USING MESSAGE = 'foreign tables cannot be distributed';
  ELSIF c.relpersistence = 't' THEN
    RAISE feature_not_supported USING MESSAGE = 'cannot distribute a temporary table';
  ELSIF c.relkind = 'p' OR c.relispartition THEN
    PERFORM citus_standin.lacks('distributed partitioned tables');
  ELSIF c.relkind <> 'r' THEN
    RAISE wrong_object_type USING MESSAGE = format('%s is not a regular, foreign or partitioned table', c.relname);
  END IF;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relation);
  RETURN owner;
END $$;

-- Foreign keys go to reference tables, or to colocated tables by both distribution columns in the same place.
CREATE FUNCTION citus_standin.check_foreign_keys(relation regclass, key_number int2, colocation int) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE fk record;
BEGIN
  FOR fk IN
    SELECT k.confrelid = relation AS self, k.confrelid::regclass AS target, p.*,
           array_position(k.conkey, check_foreign_keys.key_number) AS place,
           array_position(k.confkey, CASE k.confrelid WHEN relation THEN check_foreign_keys.key_number ELSE citus_standin.key_number(p.partkey) END) AS target_place
    FROM pg_constraint k LEFT JOIN pg_dist_partition p ON p.logicalrelid = k.confrelid WHERE k.conrelid = relation AND k.contype = 'f' AND k.conparentid = 0
  LOOP
    IF NOT fk.self AND fk.logicalrelid IS NULL THEN
      RAISE invalid_table_definition USING MESSAGE = format('referenced table "%s" must be a distributed table or a reference table', citus_standin.bare_name(fk.target)),
        DETAIL = 'Rows and the rows they refer to must be on the same node.',
        HINT = format('Run SELECT create_reference_table(%L) first, or drop the foreign key.', fk.target);
    ELSIF fk.repmodel = 't' THEN CONTINUE;
    ELSIF NOT fk.self AND fk.colocationid <> colocation THEN
      RAISE feature_not_supported USING MESSAGE = 'cannot create foreign key constraint since relations are not colocated or not referencing a reference table',
        DETAIL = 'Foreign keys lead to tables colocated with this one, or to reference tables.';
    ELSIF fk.place IS NULL OR fk.place IS DISTINCT FROM fk.target_place THEN
      RAISE feature_not_supported USING MESSAGE = 'cannot create foreign key constraint',
        DETAIL = 'A foreign key to a colocated table must hold both distribution columns, in the same place.';
    END IF;
  END LOOP;
END $$;

-- "group" is the table to colocate with, or null for the default group or, where "alone", for a new one.
CREATE FUNCTION citus_standin.distribute(relation regclass, column_name text, "group" regclass, alone bool, shards int) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET citus_standin.busy = on AS $$
DECLARE
  owner name := citus_standin.require_distributable(relation);
  c pg_class := (SELECT t FROM pg_class t WHERE t.oid = relation);
  schema text := quote_ident((SELECT nspname FROM pg_namespace WHERE oid = c.relnamespace));
  key pg_attribute := (SELECT a FROM pg_attribute a WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped);
  with_table record;
  colocation int;
  class text;
  ids bigint[];
  made regclass;
BEGIN
  IF key.attnum IS NULL THEN
    RAISE undefined_column USING MESSAGE = format('column "%s" of relation "%s" does not exist', column_name, c.relname);
  ELSIF key.attgenerated <> '' THEN
    RAISE feature_not_supported USING MESSAGE = format('cannot distribute relation: %s', c.relname),
      DETAIL = 'Distribution column must not use GENERATED ALWAYS AS (...) STORED.';
  ELSIF EXISTS (SELECT FROM pg_index WHERE indrelid = relation AND (indisunique OR indisexclusion) AND NOT key.attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1])) THEN
    RAISE feature_not_supported USING MESSAGE = format('cannot create constraint on "%s"', c.relname),
      DETAIL = 'A unique constraint holds within each shard only: it must include the distribution column.';
  END IF;

  IF "group" IS NOT NULL THEN
    SELECT p.partmethod, g.* INTO with_table FROM pg_dist_partition p JOIN pg_dist_colocation g ON g.colocationid = p.colocationid WHERE p.logicalrelid = "group";
    IF NOT FOUND THEN
      RAISE invalid_table_definition USING MESSAGE = format('relation %s is not distributed', citus_standin.bare_name("group"));
    ELSIF with_table.distributioncolumntype <> key.atttypid OR with_table.distributioncolumncollation <> key.attcollation THEN
      RAISE internal_error USING MESSAGE = format('cannot colocate tables %s and %s', citus_standin.bare_name("group"), c.relname),
        DETAIL = format('Distribution column %s don''t match for %s and %s.',
          CASE WHEN with_table.distributioncolumntype <> key.atttypid THEN 'types' ELSE 'collations' END, citus_standin.bare_name("group"), c.relname);
    END IF;
    colocation := with_table.colocationid;
    shards := with_table.shardcount;
  ELSIF NOT alone THEN
    SELECT min(g.colocationid) INTO colocation FROM pg_dist_colocation g WHERE g.shardcount = shards AND g.replicationfactor = 1
      AND g.distributioncolumntype = key.atttypid AND g.distributioncolumncollation = key.attcollation;
  END IF;
  IF colocation IS NULL THEN
    colocation := nextval('pg_dist_colocationid_seq');
    INSERT INTO pg_dist_colocation VALUES (colocation, shards, 1, key.atttypid, key.attcollation);
  END IF;
  PERFORM citus_standin.check_foreign_keys(relation, key.attnum, colocation);

  class := citus_standin.operator_class(key.atttypid, shards);
  ids := ARRAY(SELECT nextval('pg_dist_shardid_seq') FROM generate_series(1, shards));
  made := citus_standin.rebuild(relation, owner, format('PARTITION BY HASH (%I %s)', column_name, class),
    (SELECT string_agg(format('CREATE %s TABLE %s.%I PARTITION OF %s.%I %s FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
        CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END, schema, citus_standin.label(c.relname, id), schema, c.relname,
        CASE WHEN i = 1 THEN format('(CHECK (%I IS NOT NULL OR citus_standin.refuse_null(%L::regclass)))', column_name, schema || '.' || quote_ident(c.relname)) END,
        shards, i - 1), '; ' ORDER BY i) FROM unnest(ids) WITH ORDINALITY s (id, i)));

  INSERT INTO pg_dist_partition VALUES (made, 'h', column_name_to_column(made, column_name), colocation, 's', false);
  INSERT INTO pg_dist_shard SELECT made, id, 't', (i - 1) * (4294967296 / shards) - 2147483648,
    CASE WHEN i = shards THEN 2147483647 ELSE i * (4294967296 / shards) - 2147483649 END FROM unnest(ids) WITH ORDINALITY s (id, i);
  INSERT INTO pg_dist_placement (shardid, shardstate, shardlength, groupid) SELECT id, 1, 0, 0 FROM unnest(ids) id;
  INSERT INTO citus_standin.shard SELECT id, name, name
  FROM unnest(ids) id, to_regclass(format('%s.%I', schema, citus_standin.label(c.relname, id))) name;
  PERFORM citus_standin.align(made);
END $$;

-- Reference tables, and tables of one shard with no distribution column: the table stays as it is, and a view bears
-- the shard's name.
CREATE FUNCTION citus_standin.keep_whole(relation regclass, replication "char") RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET citus_standin.busy = on AS $$
DECLARE
  owner name := citus_standin.require_distributable(relation);
  id bigint := nextval('pg_dist_shardid_seq');
  colocation int := (SELECT min(colocationid) FROM pg_dist_colocation WHERE replicationfactor = -1 AND replication = 't');
  shard text := shard_name(relation, id, false);
BEGIN
  IF colocation IS NULL THEN
    colocation := nextval('pg_dist_colocationid_seq');
    INSERT INTO pg_dist_colocation VALUES (colocation, 1, CASE replication WHEN 't' THEN -1 ELSE 1 END, 0, 0);
  END IF;
  PERFORM citus_standin.run_as(owner, format('CREATE VIEW %s AS SELECT * FROM %s', shard, relation));
  -- The view must go with the table and not stand in the way of DROP TABLE.
  INSERT INTO pg_depend VALUES ('pg_class'::regclass, shard::regclass, 0, 'pg_class'::regclass, relation, 0, 'a');
  INSERT INTO pg_dist_partition VALUES (relation, 'n', NULL, colocation, replication, false);
  INSERT INTO pg_dist_shard VALUES (relation, id, 't', NULL, NULL);
  INSERT INTO pg_dist_placement (shardid, shardstate, shardlength, groupid) VALUES (id, 1, 0, 0);
  INSERT INTO citus_standin.shard VALUES (id, shard::regclass, relation);
  PERFORM citus_standin.align(relation);
END $$;

CREATE FUNCTION citus_standin.undistribute(relation regclass, cascade_via_foreign_keys bool) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET citus_standin.busy = on AS $$
DECLARE
  owner name := citus_standin.require_owner(relation);
  p pg_dist_partition;
BEGIN
  LOCK TABLE pg_dist_colocation IN SHARE ROW EXCLUSIVE MODE;
  EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relation);
  SELECT * INTO p FROM pg_dist_partition WHERE logicalrelid = relation;
  IF NOT FOUND THEN
    RAISE internal_error USING MESSAGE = 'cannot undistribute table because the table is not distributed';
  ELSIF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND relation IN (conrelid, confrelid)) THEN
    IF cascade_via_foreign_keys THEN
      PERFORM citus_standin.lacks('cascade_via_foreign_keys');
    END IF;
    RAISE internal_error USING MESSAGE = format('cannot complete operation because table %s %s', citus_standin.bare_name(relation),
      CASE WHEN EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = relation) THEN 'has a foreign key' ELSE 'is referenced by a foreign key' END);
  END IF;
  IF p.partmethod = 'h' THEN
    PERFORM citus_standin.rebuild(relation, owner, '', '');  -- dropping the old table drops its metadata
  ELSE
    EXECUTE (SELECT format('DROP VIEW %s', s.bearer) FROM pg_dist_shard d JOIN citus_standin.shard s ON s.shardid = d.shardid WHERE d.logicalrelid = relation);
    PERFORM citus_standin.forget(relation);
  END IF;
END $$;

CREATE FUNCTION citus_standin.forget(relation oid) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM citus_standin.shard WHERE shardid IN (SELECT shardid FROM pg_dist_shard WHERE logicalrelid = relation);
  DELETE FROM pg_dist_placement WHERE shardid IN (SELECT shardid FROM pg_dist_shard WHERE logicalrelid = relation);
  DELETE FROM pg_dist_shard WHERE logicalrelid = relation;
  DELETE FROM pg_dist_partition WHERE logicalrelid = relation;
  DELETE FROM pg_dist_colocation WHERE colocationid NOT IN (SELECT colocationid FROM pg_dist_partition);
$$;

CREATE FUNCTION citus_standin.on_drop() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM citus_standin.forget(o.objid) FROM pg_event_trigger_dropped_objects() o JOIN pg_dist_partition p ON p.logicalrelid = o.objid
  WHERE o.classid = 'pg_class'::regclass AND o.objsubid = 0;
END $$;
CREATE EVENT TRIGGER citus_standin_drop ON sql_drop EXECUTE FUNCTION citus_standin.on_drop();

-- GRANT does not tell its objects, so every table is looked at; tables in line already cost one query.
CREATE FUNCTION citus_standin.on_change() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('citus_standin.busy', true) IS DISTINCT FROM 'on' THEN
    PERFORM citus_standin.align(p.logicalrelid) FROM pg_dist_partition p WHERE tg_tag IN ('GRANT', 'REVOKE') OR p.logicalrelid IN (
      SELECT coalesce(i.indrelid, d.objid) FROM pg_event_trigger_ddl_commands() d LEFT JOIN pg_index i ON i.indexrelid = d.objid);
  END IF;
END $$;
CREATE EVENT TRIGGER citus_standin_change ON ddl_command_end
WHEN TAG IN ('ALTER TABLE', 'CREATE INDEX', 'ALTER INDEX', 'GRANT', 'REVOKE') EXECUTE FUNCTION citus_standin.on_change();

-- The functions people call. They run as the caller, so that colocate_with is looked up on the caller's search_path.
CREATE FUNCTION pg_catalog.create_distributed_table(table_name regclass, distribution_column text,
  distribution_type citus.distribution_type DEFAULT 'hash', colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  shards int := coalesce(shard_count, nullif(current_setting('citus.shard_count', true), '')::int, 32);
  named bool := colocate_with NOT IN ('default', 'none');
BEGIN
  IF table_name IS NULL OR distribution_type IS NULL OR colocate_with IS NULL THEN
    RETURN;
  ELSIF distribution_column IS NULL THEN
    PERFORM citus_standin.keep_whole(table_name, 's');
    RETURN;
  ELSIF named AND shard_count IS NOT NULL THEN
    RAISE internal_error USING MESSAGE = 'Cannot use colocate_with with a table and shard_count at the same time';
  ELSIF shards NOT BETWEEN 1 AND 64000 THEN
    RAISE internal_error USING MESSAGE = format('%s is outside the valid range for parameter "shard_count" (1 .. 64000)', shards);
  ELSIF distribution_type <> 'hash' THEN
    PERFORM citus_standin.lacks(distribution_type || ' distribution');
  END IF;
  PERFORM citus_standin.distribute(table_name, distribution_column, CASE WHEN named THEN colocate_with::regclass END, colocate_with = 'none', shards);
END $$;

CREATE FUNCTION pg_catalog.create_distributed_table_concurrently(table_name regclass, distribution_column text,
  distribution_type citus.distribution_type DEFAULT 'hash', colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL)
RETURNS void LANGUAGE sql
RETURN pg_catalog.create_distributed_table(table_name, distribution_column, distribution_type, colocate_with, shard_count);

CREATE FUNCTION pg_catalog.create_reference_table(table_name regclass) RETURNS void LANGUAGE sql STRICT
RETURN citus_standin.keep_whole(table_name, 't');

CREATE FUNCTION pg_catalog.undistribute_table(table_name regclass, cascade_via_foreign_keys bool DEFAULT false) RETURNS void LANGUAGE sql STRICT
RETURN citus_standin.undistribute(table_name, cascade_via_foreign_keys);

-- Rows never stay behind in the local table here: there is nothing to truncate.
CREATE FUNCTION pg_catalog.truncate_local_data_after_distributing_table(function_name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = function_name) THEN
    RAISE internal_error USING MESSAGE = 'supplied parameter is not a distributed relation',
      DETAIL = 'This UDF only truncates local records of distributed tables.';
  END IF;
  PERFORM citus_standin.require_owner(function_name);
END $$;

-- ------------------------------------------------------------------------------------------ Sizes and views

CREATE FUNCTION citus_standin.size(relation regclass, measure text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE size bigint;
BEGIN
  EXECUTE format('SELECT sum(pg_catalog.%I(s.storage))::bigint FROM pg_catalog.pg_dist_shard d
                  JOIN citus_standin.shard s ON s.shardid = d.shardid WHERE d.logicalrelid = $1', measure) INTO size USING relation;
  IF size IS NULL THEN
    RAISE invalid_table_definition USING
      MESSAGE = format('cannot calculate the size because relation ''%s'' is not distributed', citus_standin.bare_name(relation));
  END IF;
  RETURN size;
END $$;
CREATE FUNCTION pg_catalog.citus_relation_size(logicalrelid regclass) RETURNS bigint LANGUAGE sql STRICT
RETURN citus_standin.size(logicalrelid, 'pg_relation_size');
CREATE FUNCTION pg_catalog.citus_table_size(logicalrelid regclass) RETURNS bigint LANGUAGE sql STRICT
RETURN citus_standin.size(logicalrelid, 'pg_table_size');
CREATE FUNCTION pg_catalog.citus_total_relation_size(logicalrelid regclass, fail_on_error bool DEFAULT true) RETURNS bigint LANGUAGE sql STRICT
RETURN citus_standin.size(logicalrelid, 'pg_total_relation_size');
CREATE FUNCTION pg_catalog.citus_shard_sizes(OUT shard_id int, OUT size bigint) RETURNS SETOF record LANGUAGE sql STRICT
AS $$ SELECT s.shardid::int, pg_total_relation_size(s.storage) FROM citus_standin.shard s $$;

-- public is where Citus has it, too.
CREATE VIEW public.citus_tables AS
SELECT p.logicalrelid AS table_name, citus_standin.kind(p.partkey, p.repmodel) AS citus_table_type,
       coalesce(column_to_column_name(p.logicalrelid, p.partkey), '<none>') AS distribution_column, p.colocationid AS colocation_id,
       pg_size_pretty(sum(pg_total_relation_size(s.storage))) AS table_size, count(*) AS shard_count,
       pg_get_userbyid(c.relowner) AS table_owner, min(m.amname::text)::name AS access_method
FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
JOIN pg_dist_shard d ON d.logicalrelid = p.logicalrelid JOIN citus_standin.shard s ON s.shardid = d.shardid
JOIN pg_class h ON h.oid = s.storage LEFT JOIN pg_am m ON m.oid = h.relam
GROUP BY p.logicalrelid, p.partkey, p.repmodel, p.colocationid, c.relowner ORDER BY p.logicalrelid::text;

CREATE VIEW pg_catalog.citus_shards AS
SELECT d.logicalrelid AS table_name, d.shardid, shard_name(d.logicalrelid, d.shardid) AS shard_name,
       citus_standin.kind(p.partkey, p.repmodel) AS citus_table_type, p.colocationid AS colocation_id, n.nodename, n.nodeport,
       pg_total_relation_size(s.storage) AS shard_size
FROM pg_dist_shard d JOIN pg_dist_partition p ON p.logicalrelid = d.logicalrelid JOIN citus_standin.shard s ON s.shardid = d.shardid
JOIN pg_dist_placement l ON l.shardid = d.shardid JOIN pg_dist_node n ON n.groupid = l.groupid
ORDER BY d.logicalrelid::text, d.shardid;

CREATE VIEW pg_catalog.citus_nodes AS
SELECT nodename, nodeport, CASE groupid WHEN 0 THEN 'coordinator' ELSE 'worker' END AS role, isactive AS active FROM pg_dist_node;
GRANT SELECT ON public.citus_tables, pg_catalog.citus_shards, pg_catalog.citus_nodes TO PUBLIC;

CREATE FUNCTION pg_catalog.distributed_tables_colocated(table1 regclass, table2 regclass) RETURNS bool LANGUAGE sql STABLE
RETURN EXISTS (SELECT FROM pg_dist_partition a JOIN pg_dist_partition b USING (colocationid) WHERE a.logicalrelid = table1 AND b.logicalrelid = table2);
CREATE FUNCTION pg_catalog.get_colocated_table_array(regclass) RETURNS regclass[] LANGUAGE sql STABLE STRICT
RETURN ARRAY(SELECT b.logicalrelid FROM pg_dist_partition a JOIN pg_dist_partition b USING (colocationid) WHERE a.logicalrelid = $1);

-- ------------------------------------------------------------------------------------- Nodes and commands

CREATE FUNCTION pg_catalog.citus_set_coordinator_host(host text, port int DEFAULT current_setting('port')::int,
  node_role noderole DEFAULT 'primary', node_cluster name DEFAULT 'default') RETURNS void LANGUAGE sql STRICT
AS $$ UPDATE pg_dist_node SET nodename = host, nodeport = port, noderole = node_role, nodecluster = node_cluster WHERE groupid = 0 $$;
REVOKE EXECUTE ON FUNCTION pg_catalog.citus_set_coordinator_host(text, int, noderole, name) FROM PUBLIC;

CREATE FUNCTION pg_catalog.citus_is_coordinator() RETURNS bool LANGUAGE sql STRICT RETURN true;
CREATE FUNCTION pg_catalog.citus_coordinator_nodeid() RETURNS int LANGUAGE sql STABLE STRICT RETURN 1;
CREATE FUNCTION pg_catalog.recover_prepared_transactions() RETURNS int LANGUAGE sql STRICT RETURN 0;
REVOKE EXECUTE ON FUNCTION pg_catalog.recover_prepared_transactions() FROM PUBLIC;
-- A cluster of the coordinator alone has no workers, here as in Citus.
CREATE FUNCTION pg_catalog.citus_get_active_worker_nodes(OUT node_name text, OUT node_port bigint) RETURNS SETOF record LANGUAGE sql STRICT
AS $$ SELECT nodename, nodeport::bigint FROM pg_dist_node WHERE groupid <> 0 $$;
CREATE FUNCTION pg_catalog.citus_check_cluster_node_health(OUT from_nodename text, OUT from_nodeport int, OUT to_nodename text,
  OUT to_nodeport int, OUT result bool) RETURNS SETOF record LANGUAGE sql STRICT
AS $$ SELECT nodename, nodeport, nodename, nodeport, true FROM pg_dist_node $$;

-- Runs a command as the caller and gives its one value, its command tag, or its error, as text. Unlike Citus's, it
-- is part of the caller's transaction.
CREATE FUNCTION citus_standin.attempt(command text, OUT success bool, OUT result text) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  seen int := 0;
  affected bigint;
BEGIN
  success := true;
  FOR r IN EXECUTE command LOOP
    seen := seen + 1;
    IF (SELECT count(*) FROM json_object_keys(row_to_json(r))) <> 1 OR seen > 1 THEN
      success := false;
      result := format('expected a single %s', CASE WHEN seen > 1 THEN 'row in query result' ELSE 'column in query target' END);
      RETURN;
    END IF;
    -- The text of the row, out of its parentheses and quotes: the value as its type's output function writes it.
    result := nullif(substring(r::text FROM '^\((.*)\)$'), '');
    IF result LIKE '"%' THEN
      result := replace(replace(substring(result FROM '^"(.*)"$'), '""', '"'), '\\', '\');
    END IF;
  END LOOP;
EXCEPTION
  WHEN invalid_cursor_definition THEN  -- it returns no rows: the message holds its command tag
    result := coalesce(substring(SQLERRM FROM 'cannot open (.+) query as cursor'), '');
    BEGIN
      EXECUTE command;
      GET DIAGNOSTICS affected = ROW_COUNT;
      result := result || CASE WHEN result = 'INSERT' THEN ' 0 ' || affected WHEN result IN ('UPDATE', 'DELETE', 'MERGE') THEN ' ' || affected ELSE '' END;
    EXCEPTION WHEN OTHERS THEN
      success := false;
      result := 'ERROR:  ' || SQLERRM;
    END;
  WHEN OTHERS THEN
    success := false;
    result := 'ERROR:  ' || SQLERRM;
END $$;

CREATE FUNCTION pg_catalog.run_command_on_all_nodes(command text, parallel bool DEFAULT true, give_warning_for_connection_errors bool DEFAULT false,
  OUT nodeid int, OUT success bool, OUT result text) RETURNS SETOF record LANGUAGE sql
AS $$ SELECT n.nodeid, a.success, a.result FROM pg_dist_node n, citus_standin.attempt(command) a $$;
CREATE FUNCTION pg_catalog.run_command_on_coordinator(command text, give_warning_for_connection_errors bool DEFAULT false,
  OUT nodeid int, OUT success bool, OUT result text) RETURNS SETOF record LANGUAGE sql
AS $$ SELECT n.nodeid, a.success, a.result FROM pg_dist_node n, citus_standin.attempt(command) a WHERE n.groupid = 0 $$;
CREATE FUNCTION pg_catalog.run_command_on_workers(command text, parallel bool DEFAULT true,
  OUT nodename text, OUT nodeport int, OUT success bool, OUT result text) RETURNS SETOF record LANGUAGE sql
AS $$ SELECT n.nodename, n.nodeport, a.success, a.result FROM pg_dist_node n, citus_standin.attempt(command) a WHERE n.groupid <> 0 $$;
CREATE FUNCTION pg_catalog.run_command_on_placements(table_name regclass, command text, parallel bool DEFAULT true,
  OUT nodename text, OUT nodeport int, OUT shardid bigint, OUT success bool, OUT result text) RETURNS SETOF record LANGUAGE sql
AS $$
  SELECT s.nodename, s.nodeport, s.shardid, a.success, a.result
  FROM citus_shards s, citus_standin.attempt(format(command, s.shard_name)) a WHERE s.table_name = $1 ORDER BY s.shardid
$$;
CREATE FUNCTION pg_catalog.run_command_on_shards(table_name regclass, command text, parallel bool DEFAULT true,
  OUT shardid bigint, OUT success bool, OUT result text) RETURNS SETOF record LANGUAGE sql
AS $$ SELECT p.shardid, p.success, p.result FROM run_command_on_placements($1, $2, $3) p $$;

-- Shards never move here, so the lock only has to be asked for rightly, and to show in pg_locks.
CREATE FUNCTION pg_catalog.lock_shard_metadata(lock_mode int, shard_id bigint[]) RETURNS void LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  id bigint;
  relation regclass;
BEGIN
  IF cardinality(shard_id) = 0 THEN
    RAISE internal_error USING MESSAGE = 'no locks specified';
  ELSIF array_position(shard_id, NULL) IS NOT NULL THEN
    RAISE null_value_not_allowed USING MESSAGE = 'worker array object cannot contain null values';
  ELSIF lock_mode NOT IN (1, 3, 5, 7) THEN
    RAISE internal_error USING MESSAGE = format('unsupported lockmode %s', lock_mode);
  END IF;
  FOREACH id IN ARRAY shard_id LOOP
    relation := (SELECT logicalrelid FROM pg_catalog.pg_dist_shard WHERE shardid = id);
    IF relation IS NULL THEN
      RAISE internal_error USING MESSAGE = format('could not find valid entry for shard %s', id);
    END IF;
    PERFORM citus_standin.require_owner(relation);
    PERFORM CASE lock_mode WHEN 7 THEN pg_advisory_xact_lock(id) ELSE pg_advisory_xact_lock_shared(id) END;
  END LOOP;
END $$;

-- ---------------------------------------------------------------------- Rebalancing: nothing to move, ever

CREATE TYPE pg_catalog.citus_task_status AS ENUM ('blocked', 'runnable', 'running', 'done', 'cancelling', 'error', 'unscheduled', 'cancelled');
CREATE TABLE pg_catalog.pg_dist_background_job (
  job_id bigint PRIMARY KEY, state citus_job_status NOT NULL DEFAULT 'scheduled', job_type name NOT NULL, description text NOT NULL,
  started_at timestamptz, finished_at timestamptz);
CREATE TABLE pg_catalog.pg_dist_background_task (
  job_id bigint NOT NULL, task_id bigint PRIMARY KEY, owner regrole NOT NULL DEFAULT CURRENT_USER::regrole, pid int,
  status citus_task_status NOT NULL DEFAULT 'runnable', command text NOT NULL, retry_count int, not_before timestamptz,
  message text NOT NULL DEFAULT '', nodes_involved int[]);
CREATE TABLE pg_catalog.pg_dist_background_task_depend (
  job_id bigint NOT NULL, task_id bigint NOT NULL, depends_on bigint NOT NULL, PRIMARY KEY (job_id, task_id, depends_on));
CREATE TABLE pg_catalog.pg_dist_rebalance_strategy (name name PRIMARY KEY, default_strategy bool NOT NULL);
INSERT INTO pg_catalog.pg_dist_rebalance_strategy VALUES ('by_shard_count', false), ('by_disk_size', true);
GRANT SELECT ON pg_catalog.pg_dist_background_job, pg_catalog.pg_dist_background_task, pg_catalog.pg_dist_background_task_depend,
  pg_catalog.pg_dist_rebalance_strategy TO PUBLIC;
CREATE FUNCTION pg_catalog.get_rebalance_table_shards_plan(relation regclass DEFAULT NULL, threshold real DEFAULT NULL,
  max_shard_moves int DEFAULT 1000000, excluded_shard_list bigint[] DEFAULT '{}', drain_only bool DEFAULT false,
  rebalance_strategy name DEFAULT NULL, improvement_threshold real DEFAULT NULL)
RETURNS TABLE (table_name regclass, shardid bigint, shard_size bigint, sourcename text, sourceport int, targetname text, targetport int)
LANGUAGE sql AS 'SELECT NULL::regclass, 0::bigint, 0::bigint, NULL::text, 0, NULL::text, 0 WHERE false';
CREATE FUNCTION pg_catalog.get_rebalance_progress() RETURNS TABLE (sessionid int, table_name regclass, shardid bigint, shard_size bigint,
  sourcename text, sourceport int, targetname text, targetport int, progress bigint, source_shard_size bigint, target_shard_size bigint,
  operation_type text, source_lsn pg_lsn, target_lsn pg_lsn, status text) LANGUAGE plpgsql STRICT AS 'BEGIN END';
CREATE FUNCTION pg_catalog.rebalance_table_shards(relation regclass DEFAULT NULL, threshold real DEFAULT NULL, max_shard_moves int DEFAULT 1000000,
  excluded_shard_list bigint[] DEFAULT '{}', shard_transfer_mode citus.shard_transfer_mode DEFAULT 'auto', drain_only bool DEFAULT false,
  rebalance_strategy name DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION pg_catalog.citus_rebalance_start(rebalance_strategy name DEFAULT NULL, drain_only bool DEFAULT false,
  shard_transfer_mode citus.shard_transfer_mode DEFAULT 'auto', parallel_transfer_reference_tables bool DEFAULT false,
  parallel_transfer_colocated_shards bool DEFAULT false) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM citus_standin.require_owner(logicalrelid) FROM pg_catalog.pg_dist_partition;
  RAISE NOTICE 'No moves available for rebalancing';
  RETURN NULL;
END $$;
CREATE FUNCTION pg_catalog.citus_rebalance_status(raw bool DEFAULT false) RETURNS TABLE (job_id bigint, state citus_job_status, job_type name,
  description text, started_at timestamptz, finished_at timestamptz, details jsonb) LANGUAGE plpgsql STRICT AS 'BEGIN END';
CREATE FUNCTION pg_catalog.citus_rebalance_wait() RETURNS void LANGUAGE plpgsql
AS $$ BEGIN RAISE WARNING 'no ongoing rebalance that can be waited on'; END $$;
CREATE FUNCTION pg_catalog.citus_rebalance_stop() RETURNS void LANGUAGE plpgsql
AS $$ BEGIN RAISE internal_error USING MESSAGE = 'no ongoing rebalance that can be stopped'; END $$;

-- ------------------------------------------------------------------- What there is no sense in, said plainly

CREATE FUNCTION pg_catalog.citus_add_node(nodename text, nodeport int, groupid int DEFAULT -1, noderole noderole DEFAULT 'primary',
  nodecluster name DEFAULT 'default') RETURNS int LANGUAGE plpgsql STRICT
AS $$ BEGIN PERFORM citus_standin.lacks('second node: it is one plain PostgreSQL'); END $$;
CREATE FUNCTION pg_catalog.citus_remove_node(nodename text, nodeport int) RETURNS void LANGUAGE sql STRICT RETURN citus_standin.lacks('node to remove');
CREATE FUNCTION pg_catalog.citus_drain_node(nodename text, nodeport int, shard_transfer_mode citus.shard_transfer_mode DEFAULT 'auto',
  rebalance_strategy name DEFAULT NULL) RETURNS void LANGUAGE sql RETURN citus_standin.lacks('second node to drain this one to');
REVOKE EXECUTE ON FUNCTION pg_catalog.citus_add_node(text, int, int, noderole, name), pg_catalog.citus_remove_node(text, int),
  pg_catalog.citus_drain_node(text, int, citus.shard_transfer_mode, name) FROM PUBLIC;
CREATE FUNCTION pg_catalog.citus_move_shard_placement(shard_id bigint, source_node_name text, source_node_port int, target_node_name text,
  target_node_port int, shard_transfer_mode citus.shard_transfer_mode DEFAULT 'auto') RETURNS void LANGUAGE sql STRICT
RETURN citus_standin.lacks('second node to move shards to');
CREATE FUNCTION pg_catalog.citus_move_shard_placement(shard_id bigint, source_node_id int, target_node_id int,
  transfer_mode citus.shard_transfer_mode DEFAULT 'auto') RETURNS void LANGUAGE sql STRICT
RETURN citus_standin.lacks('second node to move shards to');
CREATE FUNCTION pg_catalog.citus_split_shard_by_split_points(shard_id bigint, split_points text[], node_ids int[],
  shard_transfer_mode citus.shard_transfer_mode DEFAULT 'auto') RETURNS void LANGUAGE sql STRICT RETURN citus_standin.lacks('shard splits');
CREATE FUNCTION pg_catalog.alter_distributed_table(table_name regclass, distribution_column text DEFAULT NULL, shard_count int DEFAULT NULL,
  colocate_with text DEFAULT NULL, cascade_to_colocated bool DEFAULT NULL) RETURNS void LANGUAGE sql
RETURN citus_standin.lacks('alter_distributed_table; undistribute the table and distribute it anew');
CREATE FUNCTION pg_catalog.citus_schema_distribute(schemaname regnamespace) RETURNS void LANGUAGE sql STRICT
RETURN citus_standin.lacks('distributed schemas');

RESET allow_system_table_mods;

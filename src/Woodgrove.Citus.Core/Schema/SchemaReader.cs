using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Schema;

/// <summary>
/// Reads what distributes a database from its catalogs. The same reading of a target's database is what a script is compared
/// with.
/// </summary>
internal sealed class SchemaReader(NpgsqlConnection session, CancellationToken stop)
{
    /// <summary>In the order in which they can be made.</summary>
    public async Task<List<SchemaObject>> ReadAsync()
    {
        (bool citus, bool columnar, bool distributesObjects) = await FactsAsync();
        List<SchemaObject> objects = [.. await ExtensionsAsync()];
        if (!citus) return objects;
        List<StoredTable> tables = await StoredTable.ReadAsync(session, stop);
        if (columnar) objects.AddRange(await ColumnarTablesAsync());
        objects.AddRange(TableStatements.Of(tables));
        if (distributesObjects) objects.AddRange(await FunctionsAsync(tables));
        return [.. objects.OrderBy(o => o.Kind)];
    }

    private async Task<(bool Citus, bool Columnar, bool DistributesObjects)> FactsAsync() => (await QueryAsync("""
        SELECT pg_catalog.to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL,
               pg_catalog.to_regclass('columnar.options') IS NOT NULL,
               pg_catalog.to_regclass('pg_catalog.pg_dist_object') IS NOT NULL
        """, r => (r.GetBoolean(0), r.GetBoolean(1), r.GetBoolean(2))))[0];

    private Task<List<SchemaObject>> ExtensionsAsync() => QueryAsync("""
        SELECT e.extname, n.nspname, e.extversion FROM pg_catalog.pg_extension e
            JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname <> 'plpgsql' ORDER BY e.oid
        """, r =>
        {
            (string name, string schema) = (TableName.QuoteIfNeeded(r.GetString(0)), TableName.QuoteIfNeeded(r.GetString(1)));
            string create = schema.StartsWith("pg_", StringComparison.Ordinal) ? "" : $"CREATE SCHEMA IF NOT EXISTS {schema};\n";
            return new SchemaObject
            {
                Kind = SchemaObjectKind.Extension,
                Name = name,
                Sql = $"{create}CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {schema};",
                Properties = [new("Schema", schema), new("Version", r.GetString(2))],
                Note = name == "citus" ? "The nodes of the cluster are not part of the schema: add workers with citus_add_node." : null,
            };
        });

    private Task<List<SchemaObject>> ColumnarTablesAsync() => QueryAsync($"""
        SELECT n.nspname, c.relname, o.chunk_group_row_limit, o.stripe_row_limit, o.compression::text, o.compression_level
        FROM columnar.options o JOIN pg_catalog.pg_class c ON c.oid = o.relation
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {ModuleSchema.IsNotOf("c.oid")} ORDER BY 1, 2
        """, r =>
        {
            string name = new TableName(r.GetString(0), r.GetString(1)).ToString(), literal = TableName.Literal(name);
            (int chunk, int stripe, string compression, int level) = (r.GetInt32(2), r.GetInt32(3), r.GetString(4), r.GetInt32(5));
            return new SchemaObject
            {
                Kind = SchemaObjectKind.ColumnarTable,
                Name = name,
                Sql = $"""
                    SELECT pg_catalog.alter_table_set_access_method({literal}, 'columnar') FROM pg_catalog.pg_class c
                        JOIN pg_catalog.pg_am a ON a.oid = c.relam WHERE c.oid = {literal}::pg_catalog.regclass AND a.amname <> 'columnar';
                    ALTER TABLE {name} SET (columnar.chunk_group_row_limit = {chunk}, columnar.stripe_row_limit = {stripe},
                        columnar.compression = {compression}, columnar.compression_level = {level});
                    """,
                DependsOn = [name],
                Properties = [new("ChunkGroupRowLimit", $"{chunk}"), new("StripeRowLimit", $"{stripe}"), new("Compression", compression),
                    new("CompressionLevel", $"{level}")],
            };
        });

    /// <summary>The foreign keys of tables that Citus knows: Citus takes them once the tables are distributed.</summary>
    public Task<List<SchemaObject>> ForeignKeysAsync() => QueryAsync($"""
        SELECT n.nspname, c.relname, k.conname, pg_catalog.pg_get_constraintdef(k.oid), fn.nspname, fc.relname
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
        JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = c.oid
        WHERE k.contype = 'f' AND k.conparentid = 0 AND {ModuleSchema.IsNotOf("c.oid")} ORDER BY 1, 2, 3
        """, r =>
        {
            var (table, other) = (new TableName(r.GetString(0), r.GetString(1)), new TableName(r.GetString(4), r.GetString(5)));
            return new SchemaObject
            {
                Kind = SchemaObjectKind.ForeignKey,
                Name = DefinitionReader.NameOf("FK CONSTRAINT", r.GetString(0), $"{r.GetString(1)} {r.GetString(2)}"),
                Sql = $"ALTER TABLE {table} ADD CONSTRAINT {TableName.QuoteIfNeeded(r.GetString(2))} {r.GetString(3)};",
                DependsOn = new[] { table.ToString(), other.ToString() }.Distinct().ToListing(),
                Properties = [new("Definition", r.GetString(3))],
            };
        });

    private async Task<List<SchemaObject>> FunctionsAsync(List<StoredTable> tables)
    {
        ILookup<int, StoredTable> groups = tables.ToLookup(t => t.ColocationId);
        return await QueryAsync($"""
            SELECT p.oid::pg_catalog.regprocedure::text, o.distribution_argument_index, coalesce(o.colocationid, 0),
                   coalesce(o.force_delegation, false), n.nspname, p.proname || '(' || pg_catalog.array_to_string(ARRAY(
                       SELECT pg_catalog.format_type(u.t, NULL) FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY u (t, n)
                       ORDER BY u.n), ', ') || ')'
            FROM pg_catalog.pg_dist_object o JOIN pg_catalog.pg_proc p ON p.oid = o.objid
            JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
            WHERE o.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND n.nspname <> '{ModuleSchema.Name}'
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e')
            ORDER BY 1
            """, r =>
            {
                string name = r.GetString(0), function = DefinitionReader.NameOf("FUNCTION", r.GetString(4), r.GetString(5));
                string? argument = r.IsDBNull(1) ? null : $"${r.GetInt32(1) + 1}";
                StoredTable[] group = [.. groups[r.GetInt32(2)].Where(t => t.ColocationId > 0)];
                string? with = group.FirstOrDefault()?.Display;
                string arguments = TableName.Literal(name) + (argument is null ? "" : $", '{argument}'")
                    + (with is null ? "" : $", colocate_with := {TableName.Literal(with)}")
                    + (r.GetBoolean(3) ? ", force_delegation := true" : "");
                return new SchemaObject
                {
                    Kind = SchemaObjectKind.DistributedFunction,
                    Name = name,
                    Sql = $"SELECT pg_catalog.create_distributed_function({arguments});",
                    DependsOn = with is null ? [function] : [function, with],
                    Properties = [new("DistributionArgument", argument), new(SchemaObject.ColocatedWith, with),
                        new("ForceDelegation", r.GetBoolean(3) ? "true" : "false")],
                    Group = with is null ? [] : [name, .. group.Select(t => t.Display)],
                };
            });
    }

    private Task<List<T>> QueryAsync<T>(string sql, Func<NpgsqlDataReader, T> read) => session.ListAsync(sql, read, stop);
}

using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>A schema and its tables, distributed or not.</summary>
/// <param name="IsDistributed">Whether each of its tables is a shard of one colocation group.</param>
/// <param name="Tables">Without partitions.</param>
internal sealed record SchemaFacts(string Name, uint Oid, bool IsDistributed, List<SchemaTable> Tables)
{
    public uint[] Oids => [.. Tables.Select(t => t.Oid)];

    public Listing<string> Names => Tables.Select(t => t.Name).ToListing();

    /// <exception cref="CitusException">There is no such schema, or Citus has no distributed ones.</exception>
    public static async Task<SchemaFacts> ReadAsync(CitusConnection connection, NpgsqlConnection session, string name, CancellationToken stop)
    {
        if (!connection.IsCitus || Version.Parse(connection.CitusVersion!.Split('-')[0]).Major < 12)
            throw ChangeErrors.NotSupported(connection, "A distributed schema", "12.0");
        (uint Oid, bool IsDistributed)? schema = await session.FirstAsync<(uint, bool)?>("""
            SELECT n.oid, EXISTS (SELECT FROM pg_catalog.pg_dist_schema s WHERE s.schemaid = n.oid)
            FROM pg_catalog.pg_namespace n WHERE n.nspname = $1
            """, row => (row.GetFieldValue<uint>(0), row.GetBoolean(1)), stop, name);
        if (schema is not var (oid, isDistributed)) throw TableChangeErrors.NoSchema(name, session.Database);
        List<SchemaTable> tables = await session.ListAsync($"""
            SELECT c.oid, {SearchPath.Show("c.oid")}, p.partmethod::text, p.repmodel::text, coalesce(p.colocationid, 0),
                pg_catalog.pg_total_relation_size(c.oid)
            FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = c.oid
            WHERE c.relnamespace = $1::oid AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 2
            """, row => new SchemaTable(row.GetFieldValue<uint>(0), row.GetString(1), row.IsDBNull(2) ? TableKind.Local
                : DistributedTable.KindOf(row.GetString(2)[0], row.GetString(3)[0], isDistributed, row.GetInt32(4)), row.GetInt64(5)), stop, oid);
        return new SchemaFacts(name, oid, isDistributed, tables);
    }
}

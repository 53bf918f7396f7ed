using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Schema;

/// <summary>Writes down what makes a database distributed again.</summary>
public sealed class SchemaExport(CitusConnection connection)
{
    /// <summary>The definitions of tables and the like too, by pg_dump.</summary>
    public bool IncludeDefinition { get; init; }

    /// <summary>The program; null looks for it.</summary>
    public string? PgDump { get; init; }

    public Action<string>? Explain { get; init; }

    /// <returns>In an order in which they can be made.</returns>
    public async Task<IReadOnlyList<SchemaObject>> ReadAsync(CancellationToken stop)
    {
        // Other nodes lack the coordinator's local objects, and number rows by sequences of their own.
        CitusConnection source = IncludeDefinition && connection.IsCitus ? await connection.AtCoordinatorAsync(stop) : connection;
        await using NpgsqlConnection session = await ClusterMetadata.OpenAsync(source, stop);
        var reader = new SchemaReader(session, stop);
        List<SchemaObject> distribution = await reader.ReadAsync();
        if (!IncludeDefinition) return [.. distribution, .. await reader.ForeignKeysAsync()];
        if (!connection.IsCitus) throw SchemaErrors.NoDefinitionsOfStandIn();
        Schema.PgDump program = await Schema.PgDump.FindAsync(PgDump, connection.ServerVersion.Major, stop);
        Explain?.Invoke($"Definitions are written by {program.Path} (PostgreSQL {program.Major}).");
        List<DumpEntry> dump = DumpEntry.Read(await program.RunAsync(source, session, stop));
        (List<SchemaObject> before, List<SchemaObject> after) =
            DefinitionStatements.Of(dump, await DefinitionReader.ReadAsync(session, stop));
        HashSet<string> dumped = [.. before.Where(o => o.Kind == SchemaObjectKind.Schema).Select(o => o.Name)];
        // Functions may return rows of views, and materialized views may be columnar.
        HashSet<string> views = [.. after.Where(o => o.Kind == SchemaObjectKind.View).Select(o => o.Name)];
        ILookup<bool, SchemaObject> isLate = distribution.Where(o => o.Kind > SchemaObjectKind.Schema).ToLookup(o =>
            o.Kind == SchemaObjectKind.DistributedFunction || o.Kind == SchemaObjectKind.ColumnarTable && views.Contains(o.Name));
        return
        [
            .. distribution.Where(o => o.Kind == SchemaObjectKind.Extension),
            .. distribution.Where(o => o.Kind == SchemaObjectKind.Schema && !dumped.Contains(o.Name)),
            .. before,
            .. isLate[false],
            .. after,
            .. isLate[true],
        ];
    }
}

using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Schema;

/// <summary>What became of an object of a schema in a database.</summary>
/// <param name="Reason">Of what was skipped or failed; else null.</param>
public sealed record SchemaImportResult(
    SchemaObjectKind Kind, string Name, SchemaImportState State, Listing<SchemaDifference> Differences, string? Reason, string Sql);

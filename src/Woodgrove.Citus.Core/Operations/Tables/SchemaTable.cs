using Woodgrove.Citus.Catalog;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>A table of a schema.</summary>
/// <param name="LocalBytes">Its size on the coordinator.</param>
internal sealed record SchemaTable(uint Oid, string Name, TableKind Kind, long LocalBytes);

namespace Woodgrove.Citus.Catalog;

/// <summary>Where rows of a distribution value lie, or would lie.</summary>
/// <param name="Table">The table, schema-qualified where its schema is not on the search path.</param>
/// <param name="Value">The value as it was given.</param>
/// <param name="Hash">PostgreSQL's hash of the value as one of the column's type.</param>
/// <param name="ShardName">The shard's own table on the node.</param>
/// <param name="NodeName">The shard's node; the first where it is kept on several.</param>
public sealed record ShardLocation(string Table, object? Value, int Hash, long ShardId, string ShardName, string NodeName, int NodePort);

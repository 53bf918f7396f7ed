namespace Woodgrove.Citus.Shards;

/// <summary>Tables whose UPDATE and DELETE can't be replicated logically, so that their shards are only copied while writers wait.</summary>
internal static class MissingIdentity
{
    /// <summary>An SQL condition: the table has rows of its own and no replica identity, as PostgreSQL's RelationGetReplicaIndex says.</summary>
    /// <remarks>A primary key that is deferrable or invalid is none, nor is an identity whose index was dropped.</remarks>
    /// <param name="table">The name that the query gives to pg_class.</param>
    public static string Of(string table) => $"""
        ({table}.relkind = 'r' AND {table}.relreplident <> 'f' AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_index keys WHERE keys.indrelid = {table}.oid AND keys.indisvalid AND keys.indimmediate
                AND CASE {table}.relreplident WHEN 'i' THEN keys.indisreplident WHEN 'd' THEN keys.indisprimary END))
        """;
}

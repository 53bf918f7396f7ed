namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>How rows travel into a table.</summary>
public enum ImportRoute
{
    /// <summary>The fastest that the table, the user and the network allow.</summary>
    Auto,

    /// <summary>COPY into the table on the coordinator, which sends each row to its shard.</summary>
    Coordinator,

    /// <summary>COPY of each row's own bytes into its shard, on the node that holds it.</summary>
    Shard,

    /// <summary>COPY of each row into the table on the node that holds its shard.</summary>
    Worker,
}

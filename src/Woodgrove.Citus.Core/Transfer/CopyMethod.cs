namespace Woodgrove.Citus.Transfer;

/// <summary>How a table's rows get from one cluster to another.</summary>
public enum CopyMethod
{
    /// <summary>Each shard as a stream of bytes into the one shard of the same hash range.</summary>
    Pipe,

    /// <summary>Straight into the shards, each row by the hash of its distribution value.</summary>
    Split,

    /// <summary>Through the target's coordinator, or the one server that it is.</summary>
    Coordinator,

    /// <summary>Row by row, from a source that is not PostgreSQL.</summary>
    Rows,
}

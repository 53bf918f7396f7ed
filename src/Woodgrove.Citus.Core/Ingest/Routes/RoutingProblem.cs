namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>Why a record has no shard.</summary>
internal enum RoutingProblem
{
    None,

    /// <summary>Its distribution value is NULL.</summary>
    Null,

    /// <summary>Its value is written in a way that only the server can read; <see cref="RecordRouter.Unread"/> has it.</summary>
    Unread,
}

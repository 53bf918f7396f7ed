namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>A writer of a batch that is to be opened.</summary>
/// <param name="Shards">The indexes of the shards whose records it takes.</param>
internal sealed record WriterPlace(IReadOnlyList<int> Shards, Func<Task<NodeWriter>> Open);

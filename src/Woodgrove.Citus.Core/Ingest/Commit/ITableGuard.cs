using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <inheritdoc cref="TableGuard"/>
internal interface ITableGuard : IAsyncDisposable
{
    /// <inheritdoc cref="TableGuard.PrepareAsync"/>
    Task PrepareAsync(PreparedName name, CancellationToken stop);

    /// <inheritdoc cref="TableGuard.ReleaseAsync"/>
    Task ReleaseAsync(TimeSpan patience);

    /// <inheritdoc cref="TableGuard.TryReleaseAsync"/>
    Task TryReleaseAsync();
}

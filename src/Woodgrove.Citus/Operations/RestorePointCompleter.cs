using System.Collections;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations;

/// <summary>Completes names of restore points.</summary>
internal sealed class RestorePointCompleter : CatalogCompleter
{
    protected override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop) =>
        [.. (await RestorePoint.ListAsync(connection, stop)).Select(p => p.Name)];
}

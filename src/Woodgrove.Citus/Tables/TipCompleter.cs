using System.Collections;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Tables;

/// <summary>Completes numbers and ids of the cluster, which need a tooltip to be told apart.</summary>
internal abstract class TipCompleter : CatalogCompleter
{
    private IReadOnlyDictionary<string, string> _tips = new Dictionary<string, string>();

    protected sealed override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop) => [.. (_tips = await TipsAsync(connection, stop)).Keys];

    protected sealed override string Describe(string name) => _tips[name];

    /// <summary>The tooltips by name, in the order in which they are shown.</summary>
    protected abstract Task<IReadOnlyDictionary<string, string>> TipsAsync(CitusConnection connection, CancellationToken stop);
}

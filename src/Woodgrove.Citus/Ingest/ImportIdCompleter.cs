using System.Collections;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>Completes the ids of imports, the latest first, and says what each loads.</summary>
internal sealed class ImportIdCompleter : CatalogCompleter
{
    private readonly Dictionary<string, string> _tips = [];

    protected override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop)
    {
        foreach (CitusImport import in await CitusImport.ListAsync(connection, null, stop))
            _tips[import.ImportId.ToString()] = $"{import.State}: {import.Source} into {import.Table}, "
                + $"{import.LastCommit ?? import.StartedAt:u}";
        return [.. _tips.Keys];
    }

    protected override string Describe(string name) => _tips[name];
}

using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Ingest.Ledger;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>Completes the ids of imports, the latest first, and says what each loads.</summary>
internal sealed class ImportIdCompleter : TipCompleter
{
    protected override async Task<IReadOnlyDictionary<string, string>> TipsAsync(CitusConnection connection, CancellationToken stop)
    {
        var tips = new Dictionary<string, string>();
        foreach (CitusImport import in await CitusImport.ListAsync(connection, null, stop))
            tips[import.ImportId.ToString()] = $"{import.State}: {import.Source} into {import.Table}, "
                + $"{import.LastCommit ?? import.StartedAt:u}";
        return tips;
    }
}

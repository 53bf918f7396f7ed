using System.Collections;
using System.Globalization;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Jobs;

/// <summary>Completes numbers of background jobs, the latest first.</summary>
internal sealed class JobCompleter : CatalogCompleter
{
    private readonly Dictionary<string, string> _tips = [];

    protected override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop)
    {
        foreach (CitusJob job in await new CitusJobs(connection).ListAsync(null, stop))
            _tips[job.JobId.ToString(CultureInfo.InvariantCulture)] = $"{job.Description} ({job.State})";
        return [.. _tips.Keys];
    }

    protected override string Describe(string name) => _tips[name];
}

using System.Globalization;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Jobs;

/// <summary>Completes numbers of background jobs, the latest first.</summary>
internal sealed class JobCompleter : TipCompleter
{
    protected override async Task<IReadOnlyDictionary<string, string>> TipsAsync(CitusConnection connection, CancellationToken stop)
    {
        var tips = new Dictionary<string, string>();
        foreach (CitusJob job in await new CitusJobs(connection).ListAsync(null, stop))
            tips[job.JobId.ToString(CultureInfo.InvariantCulture)] = $"{job.Description} ({job.State})";
        return tips;
    }
}

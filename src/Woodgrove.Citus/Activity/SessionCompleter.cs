using System.Globalization;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Activity;

/// <summary>Completes Citus's ids of the clients' sessions, with the user and the statement of each.</summary>
internal sealed class SessionCompleter : TipCompleter
{
    protected override async Task<IReadOnlyDictionary<string, string>> TipsAsync(CitusConnection connection, CancellationToken stop)
    {
        var tips = new Dictionary<string, string>();
        foreach (CitusActivity session in await CitusActivity.ListAsync(connection, all: true, _ => { }, _ => { }, stop))
            if (!session.IsInternal)
                tips[session.GlobalProcessId.ToString(CultureInfo.InvariantCulture)] = $"{session.UserName}: {session.Query}";
        return tips;
    }
}

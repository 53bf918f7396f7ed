using System.Collections;
using System.Globalization;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Activity;

/// <summary>Completes Citus's ids of the clients' sessions, with the user and the statement of each.</summary>
internal sealed class SessionCompleter : CatalogCompleter
{
    private readonly Dictionary<string, string> _tips = [];

    protected override async Task<IReadOnlyList<string>> NamesAsync(CitusConnection connection, string start, IDictionary bound,
        CancellationToken stop)
    {
        foreach (CitusActivity session in await CitusActivity.ListAsync(connection, all: true, _ => { }, _ => { }, stop))
            if (!session.IsInternal)
                _tips[session.GlobalProcessId.ToString(CultureInfo.InvariantCulture)] = $"{session.UserName}: {session.Query}";
        return [.. _tips.Keys];
    }

    protected override string Describe(string name) => _tips[name];
}

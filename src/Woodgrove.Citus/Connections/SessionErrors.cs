using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>Errors of choosing a connection.</summary>
internal static class SessionErrors
{
    public static CitusException NotConnected() =>
        new("CitusNotConnected", CitusErrorKind.ConnectionError,
            "There is no connection to a cluster.",
            "Connect with Connect-CitusCluster, or start a cluster to try things on with Start-CitusSandbox.");

    public static CitusException NoConnection(string name) =>
        new("CitusConnectionNotFound", CitusErrorKind.ObjectNotFound,
            $"There is no connection named '{name}'.", "Get-CitusConnection lists them.") { Target = name };
}

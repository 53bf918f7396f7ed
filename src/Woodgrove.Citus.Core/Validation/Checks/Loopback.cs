using System.Net;

namespace Woodgrove.Citus.Validation.Checks;

/// <summary>Tells addresses that lead back to the same machine.</summary>
internal static class Loopback
{
    public static bool Is(string host) =>
        host.StartsWith('/') || host == "localhost" || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));
}

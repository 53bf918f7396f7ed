using System.Diagnostics;
using System.Globalization;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>
/// A physical copy of a sandbox's server: a hot standby of it, or a restored backup that knows nothing of what came
/// later.
/// </summary>
internal sealed class CopiedServer : IDisposable
{
    private readonly SandboxServer _original;
    private readonly string _data;

    private CopiedServer(SandboxServer original, string data, int port) => (_original, _data, Port) = (original, data, port);

    public int Port { get; }

    /// <param name="isStandby">False promotes the copy at once: it then has the data of this moment.</param>
    /// <param name="name">The standby's application_name.</param>
    public static CopiedServer Start(SandboxServer original, bool isStandby, string name = "copy")
    {
        string data = original.Beside($"copy{Guid.NewGuid():N}");
        int port = Repository.FreePort();
        original.Run("pg_basebackup", "-h", "127.0.0.1", "-p", original.Port.ToString(CultureInfo.InvariantCulture), "-U", "postgres", "-D",
            data, "-X", "stream", "-c", "fast", "-R");
        original.Run("pg_ctl", "start", "-D", data, "-l", data + ".log", "-w", "-s", "-o", $"-p {port} -c cluster_name={name}");
        var copy = new CopiedServer(original, data, port);
        if (!isStandby) copy.Promote();
        return copy;
    }

    /// <summary>Leaves a standby without what its primary writes from now on, as one is that lags behind.</summary>
    public void Detach()
    {
        File.AppendAllText(Path.Combine(_data, "postgresql.auto.conf"), "primary_conninfo = ''\n");
        _original.Run("pg_ctl", "restart", "-D", _data, "-w", "-s", "-m", "fast", "-l", _data + ".log");
    }

    public void Promote() => _original.Run("pg_ctl", "promote", "-D", _data, "-w", "-s");

    public void Dispose()
    {
        _original.Run("pg_ctl", "stop", "-D", _data, "-m", "immediate", "-s");
        Directory.Delete(_data, recursive: true);
    }
}

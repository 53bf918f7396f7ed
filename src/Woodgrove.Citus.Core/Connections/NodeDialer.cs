using System.Diagnostics;
using Npgsql;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Connections;

/// <summary>
/// Finds sessions to chosen nodes through a port where each connection reaches some node: opens sessions until a node says
/// that it is the wanted one. All sessions are of one pool, whichever node they reach; none is handed out that was not
/// asked for its node just before, so a session that was pooled, or whose server has failed over, is never taken for
/// another node's. The host of the port decides TLS, as it does for the connection itself.
/// </summary>
/// <remarks>
/// Surplus sessions, to other nodes, are kept for whoever else looks for one at the same time. When nobody does any more they go
/// back to the pool, which closes sessions that were idle for a minute. Npgsql's cancel requests are connections of their
/// own and would reach any node: <see cref="ServerCancellation"/> cancels over a session to the node, and a server that
/// executes a statement notices within a second when its client has gone.
/// </remarks>
/// <param name="open">Opens a session of the pool.</param>
/// <param name="clear">Closes the idle sessions of the pool.</param>
/// <param name="port">The port's address, for messages.</param>
internal sealed class NodeDialer(Func<CancellationToken, Task<NpgsqlConnection>> open, Action clear, string port)
{
    /// <summary>Surplus sessions to one node that are kept. With another one, all that are idle are closed.</summary>
    private const int SurplusPerNode = 32;

    /// <summary>
    /// Sessions that are tried for each node that the cluster has: those that the pool may have, and 18 new ones, of which
    /// one in 10^7 searches finds none where the balancer chooses at random.
    /// </summary>
    private const int TriesPerNode = 50;

    /// <summary>How long a session may take to open, and how long to say its node: a server that is frozen does neither.</summary>
    public const int SecondsToAnswer = 5;

    /// <summary>
    /// How often nodes may refuse the user in a search: where none has let him in yet, and where one has. A wrong password is not to
    /// be tried until it locks the account.
    /// </summary>
    private const int RefusalsOfAll = 3, RefusalsOfSome = 10;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30), PatiencePerNode = TimeSpan.FromSeconds(6);

    private readonly List<(NodeIdentity Node, NpgsqlConnection Session)> _surplus = [];
    private int _searches;
    private bool _isLetIn; // by some node

    /// <summary>A session to a node.</summary>
    /// <param name="wanted">Null is the coordinator.</param>
    /// <exception cref="NpgsqlException">No session was found; its cause is the <see cref="CitusException"/> that says so.</exception>
    public async Task<NpgsqlConnection> OpenAsync(NodeName? wanted, CancellationToken stop)
    {
        lock (_surplus) _searches++;
        try
        {
            return await SearchAsync(wanted, stop);
        }
        finally
        {
            await EndSearchAsync();
        }
    }

    private async Task<NpgsqlConnection> SearchAsync(NodeName? wanted, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        var seen = new SortedDictionary<string, int>(StringComparer.Ordinal);
        Exception? failure = null;
        int nodes = 1, refusals = 0;
        for (int tries = 0; tries < TriesPerNode * nodes && (clock.Elapsed < Patience || clock.Elapsed < PatiencePerNode * nodes); tries++)
        {
            NpgsqlConnection? session = null;
            try
            {
                session = TakeSurplus(wanted) ?? await open(stop);
                NodeIdentity node = await NodeIdentity.ReadAsync(session, stop);
                _isLetIn = true;
                if (node.Is(wanted)) return session;
                seen[node.ToString()] = seen.GetValueOrDefault(node.ToString()) + 1;
                nodes = Math.Max(nodes, node.Nodes);
                await KeepSurplusAsync(node, session);
            }
            catch (Exception e)
            {
                if (session is not null) await DropAsync(session);
                if (stop.IsCancellationRequested || !MayPass(e)) throw;
                if (IsRefusal(e) && ++refusals >= (_isLetIn ? RefusalsOfSome : RefusalsOfAll))
                {
                    if (seen.Count == 0) throw;
                    throw NotReached(wanted, seen, clock.Elapsed, e);
                }
                failure = e;
                await Task.Delay(TimeSpan.FromMilliseconds(100), stop);
            }
        }
        throw NotReached(wanted, seen, clock.Elapsed, failure);
    }

    private NpgsqlConnection? TakeSurplus(NodeName? wanted)
    {
        lock (_surplus)
        {
            int found = _surplus.FindIndex(a => a.Node.Is(wanted));
            if (found < 0) return null;
            NpgsqlConnection session = _surplus[found].Session;
            _surplus.RemoveAt(found);
            return session;
        }
    }

    private async ValueTask KeepSurplusAsync(NodeIdentity node, NpgsqlConnection session)
    {
        lock (_surplus)
        {
            if (_surplus.Count(a => a.Node.GroupId == node.GroupId) < SurplusPerNode)
            {
                _surplus.Add((node, session));
                return;
            }
        }
        await DropAsync(session);
    }

    /// <summary>Closes a session that is of no use: the pool would offer it again and again.</summary>
    private async ValueTask DropAsync(NpgsqlConnection session)
    {
        await session.DisposeAsync();
        clear();
    }

    private async ValueTask EndSearchAsync()
    {
        NpgsqlConnection[] unwanted;
        lock (_surplus)
        {
            if (--_searches > 0) return;
            unwanted = [.. _surplus.Select(a => a.Session)];
            _surplus.Clear();
        }
        foreach (NpgsqlConnection session in unwanted) await session.DisposeAsync();
    }

    /// <summary>
    /// A session that was lost, a node that is frozen, full or starts, or one that refuses the user: the next session may reach
    /// another node, or find it up.
    /// </summary>
    private static bool MayPass(Exception failure) => PostgresErrors.IsTransient(failure)
        || failure is PostgresException or NpgsqlException { InnerException: TimeoutException };

    /// <summary>A node does not let the user in, or has no Citus in the database.</summary>
    private static bool IsRefusal(Exception failure) => failure is PostgresException && !PostgresErrors.IsTransient(failure);

    private NpgsqlException NotReached(NodeName? wanted, SortedDictionary<string, int> seen, TimeSpan elapsed, Exception? failure)
    {
        CitusException told = ConnectionErrors.NodeNotReached(port, wanted, seen, elapsed, failure);
        return new NpgsqlException(told.What, told);
    }
}

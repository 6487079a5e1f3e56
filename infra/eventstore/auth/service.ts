/** The Users service. */
import type {
  ChangePasswordReq,
  CreateReq,
  DeleteReq,
  DetailsReq,
  DisableReq,
  EnableReq,
  ResetPasswordReq,
  UpdateReq,
} from '@eventstore/db-client/generated/users_pb.js'
import * as errors from '../protocol/errors.ts'
import { users as messages, UsersService } from '../protocol/stubs.ts'
import type { Call } from '../server/grpc.ts'
import type { Guard } from './guard.ts'
import type { User, Users } from './users.ts'

const detailsOf = (user: User) => {
  const at = new messages.DetailsResp.UserDetails.DateTime()
  at.setTicksSinceEpoch(`${user.updatedAt}0000`)
  const details = new messages.DetailsResp.UserDetails()
  details.setLoginName(user.login)
  details.setFullName(user.fullName)
  details.setGroupsList([...user.groups])
  details.setLastUpdated(at)
  details.setDisabled(user.disabled)
  const response = new messages.DetailsResp()
  response.setUserDetails(details)
  return response
}

/** `created` is told of each new user. */
export const usersService = (users: Users, guard: Guard, created: (user: User) => void) => {
  const existing = (login: string): User => {
    const user = users.get(login)
    if (user === undefined) throw errors.loginNotFound(login)
    return user
  }
  const strong = (password: string): string => {
    if (password === '') throw errors.invalidArgument('A password may not be empty')
    return password
  }
  return {
    create: async (request: CreateReq, call: Call) => {
      guard.checkAdmin(call)
      const options = request.getOptions()
      const login = options?.getLoginName() ?? ''
      if (!/^[^\s:/]{1,128}$/.test(login)) throw errors.invalidArgument('Not a login name')
      if (users.get(login) !== undefined) throw errors.loginConflict(login)
      const password = strong(options!.getPassword())
      if (!(await users.create(login, options!.getFullName(), options!.getGroupsList(), password)))
        throw errors.loginConflict(login)
      created(existing(login))
      return new messages.CreateResp()
    },
    update: (request: UpdateReq, call: Call) => {
      guard.checkAdmin(call)
      const options = request.getOptions()
      const { login } = existing(options?.getLoginName() ?? '')
      users.change(login, { fullName: options!.getFullName(), groups: options!.getGroupsList() })
      return new messages.UpdateResp()
    },
    delete: (request: DeleteReq, call: Call) => {
      guard.checkAdmin(call)
      users.remove(existing(request.getOptions()?.getLoginName() ?? '').login)
      return new messages.DeleteResp()
    },
    disable: (request: DisableReq, call: Call) => {
      guard.checkAdmin(call)
      users.change(existing(request.getOptions()?.getLoginName() ?? '').login, { disabled: true })
      return new messages.DisableResp()
    },
    enable: (request: EnableReq, call: Call) => {
      guard.checkAdmin(call)
      users.change(existing(request.getOptions()?.getLoginName() ?? '').login, { disabled: false })
      return new messages.EnableResp()
    },
    changePassword: async (request: ChangePasswordReq, call: Call) => {
      const options = request.getOptions()
      const login = options?.getLoginName() ?? ''
      // For one's own password or, as an administrator, somebody else's: in both cases the present password is
      // required.
      if (guard.user(call)?.login !== login) guard.checkAdmin(call)
      existing(login)
      if (!(await users.hasPassword(login, options?.getCurrentPassword() ?? ''))) throw errors.accessDenied()
      await users.setPassword(login, strong(options!.getNewPassword()))
      return new messages.ChangePasswordResp()
    },
    resetPassword: async (request: ResetPasswordReq, call: Call) => {
      guard.checkAdmin(call)
      const options = request.getOptions()
      await users.setPassword(
        existing(options?.getLoginName() ?? '').login,
        strong(options!.getNewPassword()),
      )
      return new messages.ResetPasswordResp()
    },
    /** One user, or all of them. */
    details: async (request: DetailsReq, call: Call): Promise<void> => {
      const login = request.getOptions()?.getLoginName() ?? ''
      if (guard.user(call)?.login !== login) guard.checkAdmin(call)
      const wanted = login === '' ? users.list() : [existing(login)]
      for (const user of wanted) call.write(UsersService.details.responseSerialize(detailsOf(user)))
      call.end()
    },
  }
}
